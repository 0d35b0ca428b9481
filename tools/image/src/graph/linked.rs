//! Calls in linked x86-64 code. What the linker was asked to optimise is looked at as it is now:
//! calls are read from the instructions, and calls that became copies from the inline records of
//! the debugging information. Each belongs to the function whose source it is, also where that
//! function is itself a copy inside of another library's.

use super::debug::{Debug, Place as Line};
use super::{Counter, Place};
use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind};
use object::{Object, ObjectSection, SectionKind};
use std::collections::HashMap;

/// A function or an object of the file, and its owner (a number of the [`Counter`]).
pub struct Item {
    pub address: u64,
    pub size: u64,
    pub owner: u32,
    /// What compilers call without being asked to counts as no use.
    pub hidden: bool,
}

/// What to look at.
pub struct Linked<'a> {
    pub object: &'a object::File<'a>,
    pub debug: &'a Debug,
    /// By address.
    pub functions: Vec<Item>,
    pub objects: Vec<Item>,
    /// Owners of the files of `debug`.
    pub files: Vec<Option<u32>>,
}

/// An instruction that leads to another function.
struct Step {
    address: u64,
    to: usize,
    call: bool,
}

impl Linked<'_> {
    /// Counts all uses.
    pub fn count(&self, counter: &mut Counter) {
        self.functions.iter().for_each(|function| counter.node(function.owner));
        let owners = self.owners();
        let origin = |copy: u32| owners.get(&self.debug.inlined[copy as usize].origin).copied();

        let mut scopes = self.debug.scopes();
        for step in self.steps() {
            let Some(around) = find(&self.functions, step.address) else { continue };
            // Walked through in rising order.
            let copy = scopes.at(step.address).and_then(origin);
            let from = copy.unwrap_or(self.functions[around].owner);
            let to = &self.functions[step.to];
            match step.call {
                _ if to.hidden => {}
                true => counter.call(from, to.owner, self.place(step.address)),
                false => counter.reference(from, to.owner),
            }
        }

        for (index, copy) in self.debug.inlined.iter().enumerate() {
            let Some(to) = origin(index as u32) else { continue };
            let from = match copy.parent {
                Some(parent) => origin(parent),
                None => find(&self.functions, copy.address).map(|i| self.functions[i].owner),
            };
            let Some(from) = from else { continue };
            let place = copy.call.map_or(Place::Address(copy.address), source);
            counter.inlined(from, to, place);
        }

        for object in &self.objects {
            for word in self.bytes(object).chunks_exact(8) {
                let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
                if let Some(to) = self.start(word) {
                    counter.reference(object.owner, self.functions[to].owner);
                }
            }
        }
    }

    fn place(&self, address: u64) -> Place {
        match self.debug.place(address) {
            Some(place) if place.1 != 0 => source(place),
            _ => Place::Address(address),
        }
    }

    /// Who owns each inlined function: the file that its code and the calls in it come from.
    fn owners(&self) -> HashMap<usize, u32> {
        let inlined = &self.debug.inlined;
        let mut votes: HashMap<(usize, u32), u32> = HashMap::new();
        let mut vote = |origin: usize, place: Option<Line>| {
            if let Some(owner) = place.and_then(|(file, ..)| *self.files.get(file as usize)?) {
                *votes.entry((origin, owner)).or_default() += 1;
            }
        };
        let mut order: Vec<u32> = (0..inlined.len() as u32).collect();
        order.sort_by_key(|copy| inlined[*copy as usize].address);
        let mut scopes = self.debug.scopes();
        for index in order {
            let copy = &inlined[index as usize];
            if scopes.at(copy.address) == Some(index) {
                vote(copy.origin, self.debug.place(copy.address));
            }
            if let Some(parent) = copy.parent {
                vote(inlined[parent as usize].origin, copy.call);
            }
        }
        let mut best: HashMap<usize, (u32, u32)> = HashMap::new();
        for ((origin, owner), count) in votes {
            let most = best.entry(origin).or_insert((count, owner));
            *most = (*most).max((count, owner));
        }
        best.into_iter().map(|(origin, (_, owner))| (origin, owner)).collect()
    }

    /// The function that starts at `address`.
    fn start(&self, address: u64) -> Option<usize> {
        self.functions.binary_search_by_key(&address, |function| function.address).ok()
    }

    /// The bytes of an item, as far as they are in the file.
    fn bytes(&self, item: &Item) -> &[u8] {
        let section = self.object.sections().find(|section| {
            item.address.checked_sub(section.address()).is_some_and(|at| at < section.size())
                && !matches!(section.kind(), SectionKind::Metadata | SectionKind::Other)
        });
        let Some(section) = section else { return &[] };
        let Ok(data) = section.data() else { return &[] };
        let at = (item.address - section.address()) as usize;
        let end = at.saturating_add(item.size as usize).min(data.len());
        data.get(at..end).unwrap_or(&[])
    }

    /// Instructions that call or name another function, in the order of their addresses.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut instruction = Instruction::default();
        let mut decoded = 0;
        for function in &self.functions {
            let code = self.bytes(function);
            let mut decoder = Decoder::with_ip(64, code, function.address, DecoderOptions::NONE);
            while decoder.can_decode() {
                decoder.decode_out(&mut instruction);
                let address = instruction.ip();
                // Functions may share code.
                if instruction.is_invalid() || address < decoded {
                    continue;
                }
                decoded = instruction.next_ip();
                let mut note = |target: u64, call: bool| {
                    if let Some(to) = self.start(target)
                        && target != function.address
                    {
                        steps.push(Step { address, to, call });
                    }
                };
                for operand in 0..instruction.op_count() {
                    match instruction.op_kind(operand) {
                        OpKind::NearBranch64 => note(instruction.near_branch_target(), true),
                        OpKind::Immediate64 | OpKind::Immediate32 | OpKind::Immediate32to64 => {
                            note(instruction.immediate(operand), false);
                        }
                        OpKind::Memory if instruction.is_ip_rel_memory_operand() => {
                            note(instruction.ip_rel_memory_address(), false);
                        }
                        _ => {}
                    }
                }
            }
        }
        steps.sort_by_key(|step| step.address);
        steps
    }
}

fn source((file, line, column): Line) -> Place {
    Place::Source(file, line, column)
}

/// The function that `address` is in.
fn find(functions: &[Item], address: u64) -> Option<usize> {
    let behind = functions.partition_point(|function| function.address <= address);
    let index = behind.checked_sub(1)?;
    (address - functions[index].address < functions[index].size).then_some(index)
}

/// Sorts by address; of those that share one, the first stays.
pub fn sorted(mut items: Vec<Item>) -> Vec<Item> {
    items.sort_by_key(|item| item.address);
    items.dedup_by_key(|item| item.address);
    items
}
