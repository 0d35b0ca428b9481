//! Calls in C sources, by a scanner that neither preprocesses nor knows types: an identifier
//! before a parenthesis, inside of a function's body, is a call of the function of that name.
//! Both branches of every `#if` count; the bodies of macros do not.

use super::{Counter, Graph, linux};
use crate::Error;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::thread;

/// How a function was defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Linkage {
    Global,
    Weak,
    /// For its file; of a header's function, for every file that includes it.
    Static,
}

/// What stands in one file.
#[derive(Debug, Default, PartialEq)]
struct Scanned {
    defines: HashMap<String, Linkage>,
    calls: HashMap<String, u64>,
}

/// Who defines a name: trees, by linkage (strong, weak, static in a header).
#[derive(Default)]
struct Definers([BTreeSet<usize>; 3]);

impl Definers {
    /// Whom a call from `from` reaches, or none if that depends on the configuration.
    fn reached(&self, from: usize, arch: Option<usize>) -> Option<usize> {
        let list = self.0.iter().find(|list| !list.is_empty())?;
        if list.contains(&from) {
            return Some(from);
        }
        // What a processor does in its own way stands in for the general one.
        arch.filter(|arch| list.contains(arch)).or_else(|| match list.len() {
            1 => list.first().copied(),
            _ => None,
        })
    }
}

/// The graph of `files`, each in one of `trees`.
pub fn graph(
    subject: String,
    trees: &[String],
    files: &[(usize, PathBuf)],
) -> Result<Graph, Error> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let lists: Vec<Result<Vec<_>, Error>> = thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|worker| {
                let share = files.iter().skip(worker).step_by(workers);
                scope.spawn(move || share.map(|(tree, path)| read(*tree, path)).collect())
            })
            .collect();
        let join = |handle: thread::ScopedJoinHandle<'_, _>| {
            handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        handles.into_iter().map(join).collect()
    });
    let mut scanned = Vec::new();
    for list in lists {
        scanned.extend(list?);
    }

    let mut definers: HashMap<&str, Definers> = HashMap::new();
    for (tree, header, file) in &scanned {
        for (name, linkage) in &file.defines {
            let rank = match linkage {
                Linkage::Static if !header => continue,
                other => *other as usize,
            };
            definers.entry(name).or_default().0[rank].insert(*tree);
        }
    }
    let mut counter = Counter::default();
    let ids: Vec<u32> = trees.iter().map(|tree| counter.id(tree)).collect();
    let arch = trees.iter().position(|tree| tree == "arch");
    let (mut ambiguous, mut unknown) = (0, 0);
    for (from, _, file) in &scanned {
        if !file.defines.is_empty() {
            counter.node(ids[*from]);
        }
        for (name, calls) in &file.calls {
            if file.defines.contains_key(name) || linux::hidden(name) {
                continue;
            }
            match definers.get(name.as_str()) {
                None => unknown += calls,
                Some(found) => match found.reached(*from, arch) {
                    Some(to) => counter.calls(ids[*from], ids[to], *calls),
                    None => ambiguous += calls,
                },
            }
        }
    }
    let method = "sources: calls by name, of every configuration";
    let mut graph = counter.finish(subject, method, "directories");
    for (count, what) in [
        (ambiguous, "calls of functions that several directories define were left out"),
        (
            unknown,
            "calls of macros, pointers and functions that are not defined here were left out",
        ),
    ] {
        if count > 0 {
            graph.notes.push(format!("{count} {what}"));
        }
    }
    Ok(graph)
}

fn read(tree: usize, path: &Path) -> Result<(usize, bool, Scanned), Error> {
    let text = std::fs::read(path).map_err(|e| Error::file(path, e))?;
    let is = |end: &str| path.extension().is_some_and(|e| e == end);
    let scanned = if is("S") { assembly(&text) } else { Scanner::new(&text).scan() };
    Ok((tree, is("h"), scanned))
}

/// Definitions and calls in assembly, as the kernel's macros spell them.
fn assembly(text: &[u8]) -> Scanned {
    let mut scanned = Scanned::default();
    for line in String::from_utf8_lossy(text).lines() {
        let line = line.trim();
        let name = |text: &str| -> String {
            text.trim_start()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect()
        };
        if let Some((word, rest)) = line.split_once('(')
            && (word == "ENTRY"
                || ["SYM_FUNC_", "SYM_TYPED_FUNC_", "SYM_CODE_START", "SYM_INNER_LABEL"]
                    .iter()
                    .any(|start| word.starts_with(start))
                    && !word.contains("_END"))
        {
            let linkage = match word {
                w if w.contains("WEAK") => Linkage::Weak,
                w if w.contains("LOCAL") => Linkage::Static,
                _ => Linkage::Global,
            };
            scanned.defines.insert(name(rest), linkage);
        } else if let Some((word, rest)) = line.split_once(char::is_whitespace)
            && matches!(word, "call" | "callq" | "jmp")
            && rest.trim_start().starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        {
            *scanned.calls.entry(name(rest)).or_default() += 1;
        }
    }
    scanned
}

/// Words before a parenthesis that call nothing.
const KEYWORDS: [&str; 20] = [
    "if",
    "while",
    "for",
    "switch",
    "return",
    "sizeof",
    "typeof",
    "__typeof__",
    "__typeof",
    "_Alignof",
    "__alignof__",
    "asm",
    "__asm__",
    "__attribute__",
    "defined",
    "else",
    "do",
    "case",
    "_Generic",
    "goto",
];

/// Words before a parenthesis that belong to a declaration and are not what it declares.
const ANNOTATIONS: [&str; 12] = [
    "__attribute__",
    "__printf",
    "__scanf",
    "__acquires",
    "__releases",
    "__must_hold",
    "__section",
    "__aligned",
    "__alloc_size",
    "__cond_acquires",
    "__declspec",
    "__asm__",
];

/// Words that may precede a macro that makes a function.
const STORAGE: [&str; 6] =
    ["static", "inline", "extern", "asmlinkage", "noinline", "__always_inline"];

/// Where the scanner stands.
#[derive(Clone, Default)]
struct State {
    braces: u32,
    parentheses: u32,
    /// Inside of a function's body.
    body: bool,
    /// Outside: the name before the declaration's first parenthesis.
    declared: Option<String>,
    is_static: bool,
    is_weak: bool,
    /// A type came before that name.
    typed: bool,
    /// Something is given a value: what follows in braces is no body.
    assigned: bool,
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    state: State,
    /// The states at the open `#if`s.
    conditions: Vec<State>,
    found: Scanned,
}

/// What the token before was.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Word,
    /// `.` or `->`.
    Member,
    Other,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            state: State::default(),
            conditions: Vec::new(),
            found: Scanned::default(),
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn scan(mut self) -> Scanned {
        let mut before = Before::Other;
        let mut line_start = true;
        while self.at < self.text.len() {
            let byte = self.peek(0);
            match byte {
                b'\n' => {
                    line_start = true;
                    self.at += 1;
                    // The kernel's style ends a function here, whatever was counted.
                    if self.peek(0) == b'}' && self.state.body {
                        (self.state.braces, self.state.parentheses) = (1, 0);
                    }
                    continue;
                }
                b' ' | b'\t' | b'\r' | 0x0c => {
                    self.at += 1;
                    continue;
                }
                b'/' if self.peek(1) == b'*' => {
                    self.skip_comment();
                    continue;
                }
                b'/' if self.peek(1) == b'/' => {
                    self.skip_line();
                    continue;
                }
                b'#' if line_start => {
                    self.directive();
                    before = Before::Other;
                    continue;
                }
                b'"' | b'\'' => {
                    self.skip_literal(byte);
                    before = Before::Other;
                }
                b'0'..=b'9' => {
                    self.word();
                    before = Before::Other;
                }
                _ if is_word(byte) => {
                    let word = self.word();
                    before = self.handle_word(word, before);
                }
                _ => {
                    self.punctuation(byte);
                    let member = byte == b'.' && self.peek(1) != b'.'
                        || byte == b'>' && self.at > 0 && self.text[self.at - 1] == b'-';
                    before = if member { Before::Member } else { Before::Other };
                    self.at += 1;
                }
            }
            line_start = false;
        }
        self.found
    }

    /// Takes an identifier or a number.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|b| !is_word(*b)).unwrap_or(rest.len());
        self.at += length;
        // Words are ASCII.
        std::str::from_utf8(&rest[..length]).unwrap_or_default()
    }

    fn skip_comment(&mut self) {
        let rest = &self.text[self.at + 2..];
        let end = rest.windows(2).position(|pair| pair == b"*/");
        self.at = end.map_or(self.text.len(), |end| self.at + end + 4);
    }

    /// To the end of the line; a backslash before it takes the next one too.
    fn skip_line(&mut self) {
        while self.at < self.text.len() && self.peek(0) != b'\n' {
            match self.peek(0) {
                b'\\' if self.peek(1) == b'\r' => self.at += 3,
                b'\\' => self.at += 2,
                b'/' if self.peek(1) == b'*' => self.skip_comment(),
                _ => self.at += 1,
            }
        }
    }

    fn skip_literal(&mut self, quote: u8) {
        self.at += 1;
        while self.at < self.text.len() {
            match self.peek(0) {
                b'\\' => self.at += 2,
                // An apostrophe in the text of assembly or of an `#error`.
                b'\n' => return,
                byte => {
                    self.at += 1;
                    if byte == quote {
                        return;
                    }
                }
            }
        }
    }

    /// A line of the preprocessor: every branch starts in the same state.
    fn directive(&mut self) {
        self.at += 1;
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        match self.word() {
            "if" | "ifdef" | "ifndef" => self.conditions.push(self.state.clone()),
            "else" | "elif" => {
                if let Some(state) = self.conditions.last() {
                    self.state = state.clone();
                }
            }
            "endif" => {
                self.conditions.pop();
            }
            _ => {}
        }
        self.skip_line();
    }

    /// Whether a parenthesis is next.
    fn opens(&self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'(')
    }

    fn handle_word(&mut self, word: &'a str, before: Before) -> Before {
        if !self.state.body {
            match word {
                "static" => self.state.is_static = true,
                "__weak" => self.state.is_weak = true,
                _ => {
                    let free = self.state.parentheses == 0 && self.state.braces == 0;
                    if free
                        && self.state.declared.is_none()
                        && self.opens()
                        && !ANNOTATIONS.contains(&word)
                    {
                        self.state.declared = Some(word.to_owned());
                    } else if self.state.declared.is_none() {
                        self.state.typed |= !STORAGE.contains(&word);
                    }
                }
            }
            return Before::Word;
        }
        if KEYWORDS.contains(&word) {
            return Before::Other;
        }
        // After another word it is declared, not called.
        if before == Before::Other && self.opens() {
            match self.found.calls.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    self.found.calls.insert(word.to_owned(), 1);
                }
            }
        }
        Before::Word
    }

    fn punctuation(&mut self, byte: u8) {
        let state = &mut self.state;
        match byte {
            b'(' => state.parentheses += 1,
            b')' => state.parentheses = state.parentheses.saturating_sub(1),
            b'{' => {
                let free = state.braces == 0 && state.parentheses == 0;
                if free
                    && !state.body
                    && !state.assigned
                    && let Some(name) = state.declared.take()
                {
                    state.body = true;
                    self.define(name);
                }
                self.state.braces += 1;
            }
            b'}' => {
                state.braces = state.braces.saturating_sub(1);
                if state.braces == 0 {
                    // The rest of a structure's declaration has no parenthesis of a function.
                    *state = State::default();
                }
            }
            b'=' if state.braces == 0 && state.parentheses == 0 => state.assigned = true,
            b';' if state.braces == 0 && state.parentheses == 0 => *state = State::default(),
            _ => {}
        }
    }

    fn define(&mut self, name: String) {
        // `SYSCALL_DEFINE3(...) {` has a body, and a name that no one calls.
        if !self.state.typed {
            return;
        }
        let linkage = match (self.state.is_static, self.state.is_weak) {
            (true, _) => Linkage::Static,
            (_, true) => Linkage::Weak,
            _ => Linkage::Global,
        };
        let known = self.found.defines.entry(name).or_insert(linkage);
        *known = (*known).min(linkage);
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Scanned {
        Scanner::new(text.as_bytes()).scan()
    }

    fn calls(text: &str) -> Vec<(String, u64)> {
        let mut calls: Vec<_> = scan(text).calls.into_iter().collect();
        calls.sort();
        calls
    }

    #[test]
    fn definitions_and_their_linkage() {
        let found = scan(
            "int plain(int a) { return a; }\n\
             static inline void __init mine(void)\n{\n}\n\
             __printf(1, 2) void noted(const char *f, ...) __acquires(lock) { }\n\
             void __weak soft(void) { }\n\
             int declared(int);\nstruct s { int (*member)(void); };\n\
             static struct s t = { .member = f(1) };\n\
             SYSCALL_DEFINE1(open, int, a) { }\n\
             static inline bool IS_ERR(const void *p) { }\n",
        );
        let mut names: Vec<_> = found.defines.iter().map(|(n, l)| (n.as_str(), *l)).collect();
        names.sort();
        assert_eq!(
            names,
            [
                ("IS_ERR", Linkage::Static),
                ("mine", Linkage::Static),
                ("noted", Linkage::Global),
                ("plain", Linkage::Global),
                ("soft", Linkage::Weak)
            ]
        );
        assert!(found.calls.is_empty(), "{found:?}");
    }

    #[test]
    fn calls_are_words_before_parentheses() {
        let text = "void f(void)\n{\n\tif (a(1) && b (2))\n\t\tx->member(3), y.member(4);\n\
                    \t/* c(1) */ // d(1)\n\tchar *s = \"e(1)\"; char q = '\"';\n\
                    \tint declared(int);\n\treturn a(sizeof(int));\n}\n\
                    int g = h(1);\n";
        assert_eq!(calls(text), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    }

    #[test]
    fn every_branch_counts_and_none_breaks_what_follows() {
        let text = "#define MACRO(x) do { never(x); \\\n\tnever(x); } while (0)\n\
                    int f(void)\n{\n#ifdef A\n\tif (a()) {\n#else\n\tif (b()) {\n#endif\n\t\tc();\n\t}\n}\n\
                    #if X\nint g(void) {\n#elif Y\nint h(void) {\n#endif\n\td();\n}\n\
                    int i(void) { e(); }\n";
        let found = scan(text);
        let mut names: Vec<&str> = found.defines.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["f", "g", "h", "i"]);
        let names: Vec<String> = calls(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn nonsense_ends() {
        for text in ["{{{((", "}}}))", "\"", "'", "/*", "#if", "#", "f(", "a\\", "/* *", "\u{e4}("]
        {
            scan(text);
        }
        assembly(b"SYM_FUNC_START(\ncall\n\xff");
    }

    #[test]
    fn assembly_defines_and_calls() {
        let found = assembly(
            b"SYM_FUNC_START(a)\n\tcall b\n\tjmp 1f\n\tcall *%rax\nSYM_FUNC_END(a)\nSYM_FUNC_START_WEAK(c)\n",
        );
        assert_eq!(
            found.defines,
            HashMap::from([("a".to_owned(), Linkage::Global), ("c".to_owned(), Linkage::Weak)])
        );
        assert_eq!(found.calls, HashMap::from([("b".to_owned(), 1)]));
    }

    #[test]
    fn who_is_reached() {
        let sets = |sets: [&[usize]; 3]| Definers(sets.map(|list| list.iter().copied().collect()));
        assert_eq!(sets([&[1], &[2], &[3]]).reached(0, None), Some(1));
        assert_eq!(sets([&[], &[2], &[3]]).reached(3, None), Some(2));
        assert_eq!(sets([&[1, 2], &[], &[]]).reached(0, None), None);
        assert_eq!(sets([&[1, 2], &[], &[]]).reached(2, None), Some(2));
        assert_eq!(sets([&[1, 2], &[], &[]]).reached(0, Some(1)), Some(1));
    }
}
