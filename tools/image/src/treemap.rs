//! Sizes as a picture: a rectangle for each library, in it one for each symbol, areas as large as
//! what they stand for. Rectangles are as square as the algorithm of Bruls, Huizing and van Wijk
//! ("Squarified Treemaps", 2000) makes them.

use crate::graph::escaped;
use crate::sizes::{Row, Sizes};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const WIDTH: f64 = 1400.0;
const HEIGHT: f64 = 900.0;
/// The title's line.
const HEAD: f64 = 34.0;
/// A library's name above its symbols.
const BAND: f64 = 16.0;
/// Pixels of a letter, about, in 11 pixels' size.
const LETTER: f64 = 6.4;
/// Rectangles below this width or height go without a name.
const LABEL_WIDTH: f64 = 34.0;
const LABEL_HEIGHT: f64 = 13.0;

const FILLS: [&str; 12] = [
    "#cfe2f3", "#d9ead3", "#fce5cd", "#ead1dc", "#fff2cc", "#d9d2e9", "#f4cccc", "#d0e8e4",
    "#e6e0d4", "#dfe7fd", "#e2f0cb", "#fbd7e8",
];

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Area {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

impl Area {
    fn inset(self, left: f64, top: f64) -> Area {
        let (w, h) = ((self.w - 2.0 * left).max(0.0), (self.h - top - left).max(0.0));
        Area { x: self.x + left, y: self.y + top, w, h }
    }
}

/// Divides `area` into one part for each of `sizes`, which are in falling order.
fn squarify(sizes: &[u64], area: Area) -> Vec<Area> {
    let mut parts = Vec::with_capacity(sizes.len());
    let (mut rest, mut free) = (sizes, area);
    while !rest.is_empty() {
        let left: f64 = rest.iter().map(|size| *size as f64).sum();
        let scale = if left > 0.0 { free.w * free.h / left } else { 0.0 };
        let side = free.w.min(free.h);
        // A row grows along the shorter side as long as that makes its parts more square.
        let mut length = 1;
        while length < rest.len()
            && worst(&rest[..=length], scale, side) <= worst(&rest[..length], scale, side)
        {
            length += 1;
        }
        let (row, behind) = rest.split_at(length);
        let sum: f64 = row.iter().map(|size| *size as f64).sum();
        let depth = if side > 0.0 { sum * scale / side } else { 0.0 };
        let mut at = 0.0;
        for size in row {
            let part = if sum > 0.0 { *size as f64 / sum * side } else { 0.0 };
            parts.push(if free.w >= free.h {
                Area { x: free.x, y: free.y + at, w: depth, h: part }
            } else {
                Area { x: free.x + at, y: free.y, w: part, h: depth }
            });
            at += part;
        }
        if free.w >= free.h {
            free = Area { x: free.x + depth, w: (free.w - depth).max(0.0), ..free };
        } else {
            free = Area { y: free.y + depth, h: (free.h - depth).max(0.0), ..free };
        }
        rest = behind;
    }
    parts
}

/// The worst ratio of sides in a row along `side`.
fn worst(row: &[u64], scale: f64, side: f64) -> f64 {
    let areas = || row.iter().map(|size| *size as f64 * scale);
    let sum: f64 = areas().sum();
    let (least, most) = areas().fold((f64::MAX, 0.0), |(l, m), a| (a.min(l), a.max(m)));
    (side * side * most / (sum * sum)).max(sum * sum / (side * side * least))
}

/// The drawing; `name` is the image's.
pub fn svg(sizes: &Sizes, name: &str) -> String {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"23\" font-size=\"17\" font-weight=\"bold\">{}: {} bytes</text>\n",
        escaped(name),
        sizes.total
    );
    let mut symbols: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &sizes.symbols {
        symbols.entry(&row.library).or_default().push(row);
    }
    let libraries = sizes.libraries();
    let bytes: Vec<u64> = libraries.iter().map(|(_, bytes)| *bytes).collect();
    let whole = Area { x: 0.0, y: 0.0, w: WIDTH, h: HEIGHT }.inset(6.0, HEAD);
    let fills = FILLS.iter().cycle();
    for (((library, bytes), area), fill) in libraries.iter().zip(squarify(&bytes, whole)).zip(fills)
    {
        let share = *bytes as f64 * 100.0 / sizes.total.max(1) as f64;
        let title = format!("{library}: {bytes} bytes, {share:.1}%");
        rectangle(&mut text, area, fill, "#555", 1.0, &title);
        let inside = if label(&mut text, area, &format!("{library} {bytes}"), true) {
            area.inset(2.0, BAND)
        } else {
            area.inset(1.0, 1.0)
        };
        let rows = symbols.remove(library.as_str()).unwrap_or_default();
        let bytes: Vec<u64> = rows.iter().map(|row| row.bytes).collect();
        for (row, area) in rows.iter().zip(squarify(&bytes, inside)) {
            let title = format!("{library}: {}: {} bytes", row.symbol, row.bytes);
            rectangle(&mut text, area, "white", "#777", 0.4, &title);
            label(&mut text, area, short(&row.symbol), false);
        }
    }
    text.push_str("</svg>\n");
    text
}

fn rectangle(text: &mut String, area: Area, fill: &str, line: &str, width: f64, title: &str) {
    let opacity = if fill == "white" { " fill-opacity=\"0.45\"" } else { "" };
    let _ = writeln!(
        text,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{fill}\"{opacity} \
         stroke=\"{line}\" stroke-width=\"{width}\"><title>{}</title></rect>",
        area.x,
        area.y,
        area.w,
        area.h,
        escaped(title)
    );
}

/// Writes as much of `name` as there is room for; whether there was any.
fn label(text: &mut String, area: Area, name: &str, bold: bool) -> bool {
    let high = if bold { BAND + LABEL_HEIGHT } else { LABEL_HEIGHT };
    if area.w < LABEL_WIDTH || area.h < high {
        return false;
    }
    let letter = if bold { LETTER * 1.1 } else { LETTER };
    let room = ((area.w - 5.0) / letter) as usize;
    let name = if name.chars().count() <= room {
        name.to_owned()
    } else {
        name.chars().take(room.saturating_sub(1)).chain(['…']).collect()
    };
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" pointer-events=\"none\"{}>{}</text>",
        area.x + 3.0,
        area.y + 11.0,
        if bold { " font-weight=\"bold\"" } else { "" },
        escaped(&name)
    );
    true
}

/// The last part of a path: `method` of `<a::Type as b::Trait>::method`, `f` of `a::f::<T>`.
fn short(symbol: &str) -> &str {
    let path = symbol.strip_suffix('>').map_or(symbol, |open| {
        // The arguments at the end are no part of the name.
        let mut depth = 1;
        let start = open.char_indices().rev().find(|(_, c)| {
            depth += match c {
                '>' => 1,
                '<' => -1,
                _ => 0,
            };
            depth == 0
        });
        start.map_or(symbol, |(at, _)| symbol[..at].trim_end_matches("::"))
    });
    let mut depth = 0;
    let cut = path.char_indices().rev().find(|(at, c)| {
        depth += match c {
            '>' | '}' => 1,
            '<' | '{' => -1,
            _ => 0,
        };
        // A closure is named with the function that it is in.
        depth == 0 && *c == ':' && *at > 0 && !path[at + 1..].starts_with([':', '{'])
    });
    match cut.map_or(path, |(at, _)| &path[at + 1..]) {
        "" => symbol,
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_as_large_as_what_they_stand_for() {
        let area = Area { x: 3.0, y: 5.0, w: 6.0, h: 4.0 };
        // The paper's example.
        let sizes = [6, 6, 4, 3, 2, 2, 1];
        let parts = squarify(&sizes, area);
        assert_eq!(parts.len(), sizes.len());
        for (size, part) in sizes.iter().zip(&parts) {
            assert!((part.w * part.h - *size as f64).abs() < 1e-9, "{part:?}");
            assert!(part.x >= area.x && part.x + part.w <= area.x + area.w + 1e-9);
            assert!(part.y >= area.y && part.y + part.h <= area.y + area.h + 1e-9);
        }
        assert_eq!(parts[0], Area { x: 3.0, y: 5.0, w: 3.0, h: 2.0 });
        for (i, a) in parts.iter().enumerate() {
            for b in &parts[i + 1..] {
                let apart = |a: f64, w: f64, b: f64| a + w <= b + 1e-9;
                assert!(
                    apart(a.x, a.w, b.x)
                        || apart(b.x, b.w, a.x)
                        || apart(a.y, a.h, b.y)
                        || apart(b.y, b.h, a.y),
                    "{a:?} {b:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_and_no_room_are_no_trouble() {
        let none = Area { x: 0.0, y: 0.0, w: 0.0, h: 0.0 };
        assert_eq!(squarify(&[], none), []);
        let parts = squarify(&[3, 0, 0], none);
        assert!(parts.iter().all(|part| part.w.is_finite() && part.h.is_finite()), "{parts:?}");
        let parts = squarify(&[0, 0], Area { w: 5.0, h: 5.0, ..none });
        assert!(parts.iter().all(|part| part.w.is_finite() && part.h.is_finite()), "{parts:?}");
        assert!(svg(&Sizes::default(), "a<b").contains("a&lt;b: 0 bytes"));
    }

    #[test]
    fn short_names() {
        for (symbol, name) in [
            ("a::b::f", "f"),
            ("<a::T as b::Trait<c::U>>::method", "method"),
            ("a::f::<b::T, c::U>", "f"),
            ("<a::T>::f::{closure#0}", "f::{closure#0}"),
            ("memcpy", "memcpy"),
            ("<a::T as b::U>", "<a::T as b::U>"),
            (">", ">"),
            ("", ""),
        ] {
            assert_eq!(short(symbol), name, "{symbol}");
        }
    }
}
