//! Configurations made from nothing: all y, all m, all n, all defaults, or random.

use crate::model::Tree;
use crate::state::State;
use crate::symbol::{Kind, SymbolId};
use crate::tristate::Tristate::{Mod, No, Yes};

/// Buckets of the table in whose order Linux's tools look at all symbols.
const BUCKETS: usize = 9973;

/// What symbols without a user's value become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// `n`
    No,
    /// `m`, or `y` if that cannot be.
    Mod,
    /// `y`
    Yes,
    /// The default.
    Default,
}

/// Percentages of `randconfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probability {
    /// Bools that are y.
    pub bool_yes: u32,
    /// Tristates that are y.
    pub tristate_yes: u32,
    /// Tristates that are m.
    pub tristate_mod: u32,
}

impl Default for Probability {
    fn default() -> Self {
        Self { bool_yes: 50, tristate_yes: 33, tristate_mod: 33 }
    }
}

impl Probability {
    /// Reads `BOOL`, `YES:MOD` or `BOOL:YES:MOD`.
    ///
    /// # Errors
    /// Anything else, and percentages that add up to more than 100.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Result<Vec<u32>, _> = text.split(':').map(str::parse).collect();
        let probability = match parts.as_deref() {
            Ok([all]) => {
                Self { bool_yes: *all, tristate_yes: all - all / 2, tristate_mod: all / 2 }
            }
            Ok([yes, module]) => Self {
                bool_yes: yes.saturating_add(*module),
                tristate_yes: *yes,
                tristate_mod: *module,
            },
            Ok([all, yes, module]) => {
                Self { bool_yes: *all, tristate_yes: *yes, tristate_mod: *module }
            }
            _ => return Err(format!("{text:?}: expected BOOL, YES:MOD or BOOL:YES:MOD")),
        };
        let sum = probability.tristate_yes.saturating_add(probability.tristate_mod);
        if sum > 100 || probability.bool_yes > 100 {
            return Err(format!("{text:?}: more than 100 per cent"));
        }
        Ok(probability)
    }
}

/// The numbers that C's `rand` gives under Linux, so that a seed means the same configuration as
/// to Linux's own tools.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u32; 31],
    at: usize,
}

impl Random {
    /// Starts with a seed.
    pub fn new(seed: u32) -> Self {
        let mut state = [0_u32; 31];
        let mut word = i64::from(if seed == 0 { 1 } else { seed }.cast_signed());
        for slot in &mut state {
            *slot = word as u32;
            // Park and Miller's generator without overflow.
            word = 16807 * (word % 127_773) - 2836 * (word / 127_773);
            if word < 0 {
                word += 2_147_483_647;
            }
        }
        let mut random = Self { state, at: 0 };
        for _ in 0..310 {
            random.next();
        }
        random
    }

    /// The next number, below 2^31.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u32 {
        let front = (self.at + 3) % 31;
        let sum = self.state[front].wrapping_add(self.state[self.at]);
        self.state[front] = sum;
        self.at = (self.at + 1) % 31;
        sum >> 1
    }
}

impl Tree {
    /// All symbols but y, m and n in the order in which Linux's tools look at them. It matters
    /// where looking changes something: to random numbers, and to choices that depend on others.
    pub(crate) fn hash_order(&self) -> Vec<SymbolId> {
        let mut buckets: Vec<Vec<SymbolId>> = vec![vec![]; BUCKETS];
        for id in self.symbols.ids().skip(3) {
            let name = &self.symbols[id].name;
            let unnamed = name.is_empty() && self.symbols[id].choice;
            let hash = if unnamed { 0 } else { hash(name) as usize % BUCKETS };
            buckets[hash].push(id);
        }
        buckets.into_iter().flat_map(|bucket| bucket.into_iter().rev()).collect()
    }
}

/// FNV-1a of 32 bits, over signed characters.
fn hash(name: &str) -> u32 {
    name.bytes().fold(2_166_136_261, |hash: u32, b| {
        let signed = i32::from(b.cast_signed());
        (hash ^ signed.cast_unsigned()).wrapping_mul(0x0100_0193)
    })
}

impl State<'_> {
    /// Gives all symbols without a user's value one.
    pub fn fill(&mut self, fill: Fill) {
        let order = self.tree.hash_order();
        for &id in &order {
            let slot = self.slot(id);
            let known = slot.user || slot.valid;
            if known || !self.tree.symbols[id].kind.is_bool() {
                continue;
            }
            let slot = self.slot_mut(id);
            slot.user_tri = match fill {
                Fill::Yes => Yes,
                Fill::Mod => Mod,
                Fill::No => No,
                Fill::Default => continue,
            };
            slot.user = true;
        }
        self.clear();
        for &id in &order {
            let symbol = &self.tree.symbols[id];
            if symbol.choice && !self.slot(id).user || symbol.member_of.is_some() {
                self.slot_mut(id).fill_choice = true;
            }
        }
        self.choices_without_value(&order, |state, choice| state.fill_choice(choice));
        if self.tree.deep {
            self.clear();
        }
    }

    /// Gives all symbols without a user's value a random one.
    pub fn fill_randomly(&mut self, random: &mut Random, probability: Probability) {
        let order = self.tree.hash_order();
        loop {
            let mut changed = false;
            for &id in &order {
                let symbol = &self.tree.symbols[id];
                let slot = self.slot(id);
                if slot.user || slot.valid || !symbol.kind.is_bool() {
                    continue;
                }
                changed = true;
                let n = random.next() % 100;
                let value = match symbol.kind {
                    Kind::Tristate if n < probability.tristate_yes => Yes,
                    Kind::Tristate if n < probability.tristate_yes + probability.tristate_mod => {
                        Mod
                    }
                    Kind::Bool if n < probability.bool_yes => Yes,
                    _ => No,
                };
                let slot = self.slot_mut(id);
                slot.user_tri = value;
                slot.user |= !symbol.choice;
            }
            self.clear();
            self.choices_without_value(&order, |state, choice| {
                changed |= state.choose_randomly(choice, random);
            });
            if !changed {
                break;
            }
        }
    }

    fn choices_without_value(
        &mut self,
        order: &[SymbolId],
        mut what: impl FnMut(&mut Self, SymbolId),
    ) {
        for &id in order {
            if self.tree.symbols[id].choice && !self.slot(id).user {
                self.calculate(id);
                what(self, id);
            }
        }
    }

    /// Sets one member of a choice, if the choice is y.
    fn choose_randomly(&mut self, choice: SymbolId, random: &mut Random) -> bool {
        let members = &self.tree.symbols[choice].members;
        if self.slot(choice).tri != Yes || members.is_empty() {
            return false;
        }
        let chosen = random.next() as usize % members.len();
        for (i, &member) in members.iter().enumerate() {
            let slot = self.slot_mut(member);
            slot.user_tri = if i == chosen { Yes } else { No };
            (slot.user, slot.valid) = (true, false);
        }
        let slot = self.slot_mut(choice);
        slot.user_chosen = Some(members[chosen]);
        (slot.user, slot.valid) = (true, false);
        true
    }
}
