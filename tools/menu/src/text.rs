//! Text in columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Breaks `text` into lines of at most `columns`, between words where that is possible. What
/// follows in a broken line is indented as its beginning is.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut out = vec![];
    for line in text.lines() {
        let line = line.replace('\t', "    ");
        let indent = line.len() - line.trim_start_matches(' ').len();
        let indent = " ".repeat(indent.min(columns / 2));
        let mut rest = line.as_str();
        let mut prefix = "";
        loop {
            let room = columns - prefix.len();
            if rest.width() <= room {
                out.push(format!("{prefix}{}", rest.trim_end()));
                break;
            }
            let (head, tail) = rest.split_at(cut(rest, room));
            out.push(format!("{prefix}{}", head.trim_end()));
            rest = tail.trim_start_matches(' ');
            prefix = &indent;
            if rest.is_empty() {
                break;
            }
        }
    }
    out
}

/// Where to break a line that is too wide: behind the last space, else at the last character
/// that fits, and never before the first.
fn cut(line: &str, room: usize) -> usize {
    let (mut used, mut space, mut end) = (0, 0, 0);
    let first_word = line.len() - line.trim_start_matches(' ').len();
    for (at, c) in line.char_indices() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        end = at + c.len_utf8();
        if c == ' ' && at >= first_word {
            space = end;
        }
    }
    // A word that ends at the border needs no break before it.
    if line[end..].starts_with(' ') {
        space = end;
    }
    let first = line.chars().next().map_or(1, char::len_utf8);
    if space > 0 { space } else { end.max(first) }
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn lines_break_between_words_and_keep_their_indentation() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("  one two three", 9), ["  one two", "  three"]);
        assert_eq!(wrap("a\n\nb", 9), ["a", "", "b"]);
    }

    #[test]
    fn words_that_are_too_long_break_anywhere() {
        assert_eq!(wrap("abcdefghijk", 8), ["abcdefgh", "ijk"]);
        assert_eq!(wrap("\u{4e00}\u{4e00}\u{4e00}\u{4e00}\u{4e00}", 8).len(), 2);
        assert_eq!(wrap(&" ".repeat(40), 8), [""]);
    }
}
