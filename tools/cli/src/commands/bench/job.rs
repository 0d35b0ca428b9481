//! Programs that do their work and end: what is measured is the time of a part of it, between two
//! words that they say.

use super::guest::Guest;
use crate::error::{Error, Result};
use std::fmt::Write;
use std::time::Duration;
use unilith_vmm::Launch;

/// What the work begins and ends with, on the console.
const BEGIN: &str = "[begin]";
const END: &str = "[end]";
/// Rows in a transaction.
const TRANSACTION: u32 = 100;

/// What sqlite3 is to do: a table of so many rows, each by a statement of its own; then whether it
/// is whole. The database is a file, so every transaction writes, syncs and removes a journal.
pub fn script(rows: u32) -> String {
    let mut text =
        format!("create table t (id integer primary key, name text, x real);\n.print {BEGIN}\n");
    for row in 0..rows {
        if row % TRANSACTION == 0 {
            text.push_str("begin;\n");
        }
        let _ =
            writeln!(text, "insert into t values ({row}, 'name {}', {row}.5);", row * 7919 % 10007);
        if row % TRANSACTION == TRANSACTION - 1 || row + 1 == rows {
            text.push_str("commit;\n");
        }
    }
    let _ = write!(text, ".print {END}\nselect count(*) from t;\npragma integrity_check;\n");
    text
}

/// What is said after the work if all of it was done, a line each.
fn proof(rows: u32) -> [String; 2] {
    [rows.to_string(), "ok".to_owned()]
}

/// A job that was done.
pub struct Done {
    /// From the start of the machine to the work.
    pub boot: Duration,
    /// The work.
    pub work: Duration,
    /// What was counted meanwhile.
    pub counted: u64,
}

/// Starts the machine and waits for the end of its work of [`script`], reading a counter before it
/// and after it.
pub fn run(
    launch: &Launch,
    rows: u32,
    limit: Duration,
    count: impl Fn() -> Result<u64>,
) -> Result<Done> {
    let mut guest = Guest::start(launch)?;
    let late =
        |guest: &Guest, what: &str| Error::failed(format!("no {what}\n{}", guest.last_words()));
    let boot = guest.says(BEGIN, limit).ok_or_else(|| late(&guest, "beginning"))?;
    let before = count()?;
    let end = guest.says(END, limit).ok_or_else(|| late(&guest, "end"))?;
    let counted = count()? - before;
    let whole = proof(rows);
    // As a line of its own: the word may be a part of others before.
    guest.says(&format!("\n{}", whole[1]), limit).ok_or_else(|| late(&guest, "check"))?;
    let all = guest.words();
    let after = all.split_once(END).map(|(_, after)| after).unwrap_or_default();
    let lines: Vec<&str> = after.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if !lines.starts_with(&whole.each_ref().map(String::as_str)) {
        return Err(late(&guest, &format!("database of {rows} rows: {lines:?}")));
    }
    Ok(Done { boot, work: end - boot, counted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_inserts_and_checks() {
        let text = script(250);
        assert_eq!(text.matches("insert").count(), 250);
        assert_eq!((text.matches("begin;").count(), text.matches("commit;").count()), (3, 3));
        let (_, work) = text.split_once(BEGIN).expect("a beginning");
        let (work, after) = work.split_once(END).expect("an end");
        assert!(work.contains("(249,") && after.contains("integrity_check"), "{after}");
    }
}
