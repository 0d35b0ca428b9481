//! Kconfig trees and configurations made at random.

use std::fmt::Write as _;

/// xorshift: the same numbers from the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n.max(1)
    }

    /// Whether something of this percentage happens.
    pub fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Tristate,
    Int,
    Hex,
    Text,
}

/// What a tree may contain.
#[derive(Clone, Copy)]
pub struct Features {
    /// Only what kconfiglib understands in the same way.
    pub common: bool,
    /// References in any direction, which make loops.
    pub loops: bool,
}

/// A tree that grows.
pub struct Generator<'d> {
    dice: &'d mut Dice,
    features: Features,
    kinds: Vec<Kind>,
    out: String,
    /// Symbols that may be referred to.
    known: usize,
    choices: usize,
}

/// Makes a tree; gives its text and the names of its symbols.
pub fn tree(dice: &mut Dice, features: Features) -> (String, Vec<String>) {
    let count = 3 + dice.below(22);
    let kinds = (0..count)
        .map(|_| match dice.below(20) {
            0..8 => Kind::Bool,
            8..15 => Kind::Tristate,
            15..17 => Kind::Int,
            17 => Kind::Hex,
            _ => Kind::Text,
        })
        .collect();
    let mut generator =
        Generator { dice, features, kinds, out: String::new(), known: 0, choices: 0 };
    generator.write();
    let names = (0..count).map(|i| format!("S{i}")).collect();
    (generator.out, names)
}

/// A configuration for these symbols, with lines that nobody should write.
pub fn config(dice: &mut Dice, names: &[String], common: bool) -> String {
    let mut out = String::new();
    let mut names: Vec<&String> = names.iter().filter(|_| dice.happens(70)).collect();
    for i in (1..names.len()).rev() {
        names.swap(i, dice.below(i + 1));
    }
    for name in names {
        let _ = match dice.below(if common { 9 } else { 12 }) {
            0..3 => writeln!(out, "CONFIG_{name}=y"),
            3 | 4 => writeln!(out, "CONFIG_{name}=m"),
            5 => writeln!(out, "# CONFIG_{name} is not set"),
            6 => writeln!(out, "CONFIG_{name}={}", dice.below(20)),
            7 => writeln!(out, "CONFIG_{name}=0x{:x}", dice.below(40)),
            8 => writeln!(out, "CONFIG_{name}=\"text {}\"", dice.below(3)),
            9 => writeln!(out, "CONFIG_{name}="),
            10 => writeln!(out, "CONFIG_{name}=\"a\\\"b\\\\c\""),
            _ => writeln!(out, "nonsense {name}"),
        };
    }
    if dice.happens(50) {
        out.push_str("CONFIG_MODULES=y\n");
    }
    out
}

impl Generator<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn write(&mut self) {
        if self.dice.happens(50) {
            self.line("mainmenu \"Random tree\"\n");
        }
        let modules = self.dice.below(4);
        if modules > 0 {
            self.line("config MODULES");
            self.line(["", "\tbool \"modules\"", "\tdef_bool y", "\tbool \"modules\""][modules]);
            self.line("\tmodules");
            if modules == 3 {
                self.line("\tdefault y");
            }
        }
        let mut next = 0;
        let mut open: Vec<&str> = vec![];
        while next < self.kinds.len() || !open.is_empty() {
            match self.dice.below(20) {
                0 if open.len() < 4 && next < self.kinds.len() => {
                    self.menu();
                    open.push("endmenu");
                }
                1 if open.len() < 4 && next < self.kinds.len() => {
                    let condition = self.expression(2);
                    self.line(&format!("if {condition}"));
                    open.push("endif");
                }
                2 if next < self.kinds.len() => {
                    let text = format!("comment \"remark {next}\"");
                    self.line(&text);
                    self.depends(30);
                }
                3 | 4 if next + 2 < self.kinds.len() => next = self.choice(next),
                5..9 if !open.is_empty() => {
                    let end = open.pop().unwrap_or_default();
                    self.line(end);
                }
                _ if next < self.kinds.len() => {
                    self.symbol(next, false);
                    next += 1;
                    self.known = next;
                }
                _ => {}
            }
        }
        // A second definition of some symbol: conf takes the dependencies of those that have some.
        if self.dice.happens(20) && !self.features.common {
            let again = self.dice.below(self.kinds.len());
            self.again(again);
        }
    }

    fn again(&mut self, i: usize) {
        self.line(&format!("config S{i}"));
        if self.dice.happens(50) {
            self.line(&format!("\tprompt \"again {i}\""));
        }
        let condition = self.earlier(i);
        self.line(&format!("\tdepends on {condition}"));
    }

    fn menu(&mut self) {
        let n = self.dice.below(100);
        self.line(&format!("menu \"Menu {n}\""));
        self.depends(40);
        if self.dice.happens(30) {
            let condition = self.expression(2);
            self.line(&format!("\tvisible if {condition}"));
        }
    }

    fn depends(&mut self, percent: usize) {
        if self.dice.happens(percent) {
            let condition = self.expression(3);
            self.line(&format!("\tdepends on {condition}"));
        }
    }

    fn choice(&mut self, first: usize) -> usize {
        let count = 1 + self.dice.below(3.min(self.kinds.len() - first));
        let tristate = !self.features.common && self.dice.happens(30);
        self.choices += 1;
        let name =
            if self.dice.happens(20) { format!(" C{}", self.choices) } else { String::new() };
        self.line(&format!("choice{name}"));
        let condition = self.condition(20);
        self.line(&format!("\tprompt \"Choice\"{condition}"));
        // conf finds no type in members that are all inside of an `if`.
        if self.features.common || self.dice.happens(30) {
            self.line(if tristate { "\ttristate" } else { "\tbool" });
        }
        if self.dice.happens(20) {
            self.line("\toptional");
        }
        self.depends(20);
        for _ in 0..self.dice.below(3) {
            let member = first + self.dice.below(count);
            let condition = self.condition(40);
            self.line(&format!("\tdefault S{member}{condition}"));
        }
        for i in first..first + count {
            self.kinds[i] =
                if tristate && self.dice.happens(70) { Kind::Tristate } else { Kind::Bool };
            let block = self.dice.happens(10);
            if block {
                let condition = self.expression(1);
                self.line(&format!("if {condition}"));
            }
            self.symbol(i, true);
            if block {
                self.line("endif");
            }
        }
        self.line("endchoice");
        self.known = first + count;
        first + count
    }

    fn symbol(&mut self, i: usize, member: bool) {
        let kind = self.kinds[i];
        let prompt = member || self.dice.happens(65);
        let menu = !member && prompt && self.dice.happens(10);
        self.line(&format!("{} S{i}", if menu { "menuconfig" } else { "config" }));
        let keyword = match kind {
            Kind::Bool => "bool",
            Kind::Tristate => "tristate",
            Kind::Int => "int",
            Kind::Hex => "hex",
            Kind::Text => "string",
        };
        let prompt = if prompt {
            let condition = self.condition(20);
            format!(" \"Prompt {i}\"{condition}")
        } else {
            String::new()
        };
        self.line(&format!("\t{keyword}{prompt}"));
        self.depends(40);
        if !member {
            for _ in 0..self.dice.below(3) {
                self.default(kind);
            }
        }
        // conf computes what follows from a user's number before it drops that for its range.
        let bounded = prompt.is_empty() || !self.features.common;
        if matches!(kind, Kind::Int | Kind::Hex) && bounded && self.dice.happens(50) {
            self.range(kind);
        }
        if matches!(kind, Kind::Bool | Kind::Tristate) {
            self.select(i);
        }
        if self.dice.happens(10) {
            self.line("\thelp\n\t  Some help.\n\n\t    config NOTHING");
        }
    }

    fn select(&mut self, i: usize) {
        for keyword in ["select", "imply"] {
            if !self.dice.happens(25) {
                continue;
            }
            let later: Vec<usize> = (0..self.kinds.len())
                .filter(|j| self.features.loops || *j > i)
                .filter(|j| match self.kinds[*j] {
                    Kind::Bool => true,
                    // kconfiglib lets an imply raise a tristate beyond its dependencies.
                    Kind::Tristate => !self.features.common || keyword == "select",
                    _ => false,
                })
                .collect();
            if !later.is_empty() {
                let target = later[self.dice.below(later.len())];
                let condition = self.condition(30);
                self.line(&format!("\t{keyword} S{target}{condition}"));
            }
        }
    }

    fn number(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Hex => format!("0x{:x}", self.dice.below(48)),
            _ => format!("{}", self.dice.below(24)),
        }
    }

    /// An earlier symbol of a type, if there is one.
    fn of_kind(&mut self, kind: Kind) -> Option<String> {
        let known: Vec<usize> = (0..self.known).filter(|i| self.kinds[*i] == kind).collect();
        (!known.is_empty()).then(|| format!("S{}", known[self.dice.below(known.len())]))
    }

    fn default(&mut self, kind: Kind) {
        let value = match kind {
            Kind::Bool | Kind::Tristate => match self.dice.below(4) {
                0 => "y".to_owned(),
                1 => "m".to_owned(),
                _ => self.expression(2),
            },
            Kind::Int | Kind::Hex => match self.of_kind(kind).filter(|_| self.dice.happens(30)) {
                Some(symbol) => symbol,
                None => self.number(kind),
            },
            Kind::Text => match self.of_kind(kind).filter(|_| self.dice.happens(30)) {
                Some(symbol) => symbol,
                None => format!("\"text {}\"", self.dice.below(3)),
            },
        };
        let condition = self.condition(40);
        self.line(&format!("\tdefault {value}{condition}"));
    }

    fn range(&mut self, kind: Kind) {
        let low = self.dice.below(12);
        let high = low + self.dice.below(20);
        let bound = |n: usize| if kind == Kind::Hex { format!("0x{n:x}") } else { n.to_string() };
        let low = match self.of_kind(kind).filter(|_| self.dice.happens(20)) {
            Some(symbol) => symbol,
            None => bound(low),
        };
        let condition = self.condition(30);
        self.line(&format!("\trange {low} {}{condition}", bound(high)));
    }

    fn condition(&mut self, percent: usize) -> String {
        if self.dice.happens(percent) {
            format!(" if {}", self.expression(2))
        } else {
            String::new()
        }
    }

    /// A condition on what comes before symbol `i`.
    fn earlier(&mut self, i: usize) -> String {
        let known = std::mem::replace(&mut self.known, i);
        let text = self.expression(1);
        self.known = known;
        text
    }

    fn expression(&mut self, depth: usize) -> String {
        match self.dice.below(if depth == 0 { 6 } else { 12 }) {
            0 => self.dice.pick(&["y", "m", "n", "y"]).to_owned(),
            1 if !self.features.common => "UNDEFINED".to_owned(),
            1 | 2 => self.comparison(),
            3..6 => self.reference(),
            6 | 7 => format!("!{}", self.parenthesis(depth - 1)),
            8 | 9 => format!("{} && {}", self.parenthesis(depth - 1), self.parenthesis(depth - 1)),
            _ => format!("{} || {}", self.parenthesis(depth - 1), self.parenthesis(depth - 1)),
        }
    }

    fn parenthesis(&mut self, depth: usize) -> String {
        let text = self.expression(depth);
        if text.contains([' ', '!', '=']) { format!("({text})") } else { text }
    }

    fn reference(&mut self) -> String {
        let known = if self.features.loops { self.kinds.len() } else { self.known };
        let known: Vec<usize> =
            (0..known).filter(|i| matches!(self.kinds[*i], Kind::Bool | Kind::Tristate)).collect();
        match known[..] {
            [] => "y".to_owned(),
            _ => format!("S{}", known[self.dice.below(known.len())]),
        }
    }

    fn comparison(&mut self) -> String {
        let known = if self.features.loops { self.kinds.len() } else { self.known };
        if known == 0 {
            return "y".to_owned();
        }
        let i = self.dice.below(known);
        let numeric = ["=", "!=", "<", "<=", ">", ">="];
        match self.kinds[i] {
            Kind::Bool | Kind::Tristate => {
                let operator = if self.features.common {
                    self.dice.pick(&numeric[..2])
                } else {
                    self.dice.pick(&numeric)
                };
                format!("S{i} {operator} {}", self.dice.pick(&["y", "m", "n"]))
            }
            kind @ (Kind::Int | Kind::Hex) => {
                let (operator, number) = (self.dice.pick(&numeric), self.number(kind));
                format!("S{i} {operator} {number}")
            }
            Kind::Text => {
                format!("S{i} {} \"text {}\"", self.dice.pick(&numeric[..2]), self.dice.below(3))
            }
        }
    }
}
