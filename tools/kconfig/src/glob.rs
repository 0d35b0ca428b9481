//! Patterns of file names.

use std::path::Path;

/// The names of files below `root` that match `pattern` (`*` and `?` within a part), sorted. A
/// pattern without either names one file, which need not be there.
pub fn glob(root: &Path, pattern: &str) -> Vec<String> {
    let wild = |part: &str| part.contains(['*', '?']);
    if !wild(pattern) {
        return vec![pattern.to_owned()];
    }
    let mut found = vec![if pattern.starts_with('/') { "/" } else { "" }.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let join = |directory: &str, name: &str| match directory {
            "" | "/" => format!("{directory}{name}"),
            _ => format!("{directory}/{name}"),
        };
        found = found
            .iter()
            .flat_map(|directory| {
                if !wild(part) {
                    return vec![join(directory, part)];
                }
                let entries = std::fs::read_dir(root.join(directory)).into_iter().flatten();
                let mut names: Vec<String> = entries
                    .flatten()
                    .map(|entry| entry.file_name().to_string_lossy().into_owned())
                    .filter(|name| matches(part, name))
                    .map(|name| join(directory, &name))
                    .collect();
                names.sort();
                names
            })
            .collect();
    }
    found.retain(|name| root.join(name).is_file());
    found
}

/// Whether `name` matches `pattern`; a leading dot must be named.
fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
