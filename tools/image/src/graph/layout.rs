//! The built-in layout: nodes on a ring, families side by side, and lines through the inside. It
//! stays readable where nearly everything calls everything, as no layers do.

use super::Graph;
use super::draw::{escaped, tooltip, width};
use std::collections::HashMap;
use std::f64::consts::PI;
use std::fmt::Write as _;

/// Pixels of a letter, about: no font is at hand.
const LETTER: f64 = 7.0;
const BOX_HEIGHT: f64 = 24.0;
/// Above the ring: title, numbers, key, legend.
const HEAD: f64 = 120.0;
const MARGIN: f64 = 30.0;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    x: f64,
    y: f64,
}

impl Point {
    /// The point at the part `t` of the way to `other`.
    fn toward(self, other: Point, t: f64) -> Point {
        Point { x: self.x + (other.x - self.x) * t, y: self.y + (other.y - self.y) * t }
    }
}

/// A node's box.
#[derive(Clone, Copy, Debug)]
struct Node {
    centre: Point,
    width: f64,
}

impl Node {
    /// Where a line from the centre to `outside` leaves the box.
    fn border(&self, outside: Point) -> Point {
        let (dx, dy) = (outside.x - self.centre.x, outside.y - self.centre.y);
        let part = |half: f64, d: f64| if d == 0.0 { f64::MAX } else { half / d.abs() };
        let t = part(self.width / 2.0, dx).min(part(BOX_HEIGHT / 2.0, dy)).min(1.0);
        self.centre.toward(outside, t)
    }
}

fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER + 14.0
}

/// The drawing.
pub fn svg(graph: &Graph) -> String {
    let mut names: Vec<&str> = graph.nodes.iter().map(String::as_str).collect();
    names.sort_by_key(|name| (graph.family(name), *name));
    // Wide enough for names side by side at the top and at the bottom.
    let widest = names.iter().map(|name| text_width(name)).fold(100.0, f64::max);
    let a = (names.len() as f64 * widest / (2.0 * PI)).max(520.0);
    let b = (a * 0.6).max(360.0);
    let (w, h) = (2.0 * a + widest + 2.0 * MARGIN, 2.0 * b + HEAD + BOX_HEIGHT + 2.0 * MARGIN);
    let middle = Point { x: w / 2.0, y: HEAD + MARGIN + BOX_HEIGHT / 2.0 + b };
    let place = |(i, name): (usize, &&str)| {
        let angle = 2.0 * PI * i as f64 / names.len() as f64 - PI / 2.0;
        let centre = Point { x: middle.x + a * angle.cos(), y: middle.y + b * angle.sin() };
        ((*name).to_owned(), Node { centre, width: text_width(name) })
    };
    let nodes: HashMap<String, Node> = names.iter().enumerate().map(place).collect();

    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" \
         height=\"{h:.0}\" font-family=\"sans-serif\" font-size=\"12\" text-anchor=\"middle\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    head(&mut text, graph, w);

    let colours = graph.colours();
    // The many thin lines below the few thick ones; labels above all lines.
    let mut edges: Vec<_> = graph.edges.iter().collect();
    edges.sort_by_key(|(edge, uses)| (uses.sites, *edge));
    let mut labels = String::new();
    let mut drawn: HashMap<&str, usize> = HashMap::new();
    for ((from, to), uses) in edges {
        let (Some(start), Some(end)) = (nodes.get(from), nodes.get(to)) else { continue };
        let (_, colour) = colours(from);
        let bend = bend(start.centre, end.centre, middle);
        let (p, q) = (start.border(bend), end.border(bend));
        let thick = width(uses);
        let dashes =
            if uses.sites == 0 && uses.references > 0 { " stroke-dasharray=\"5 4\"" } else { "" };
        let _ = writeln!(
            text,
            "<g stroke=\"{colour}\" fill=\"none\" opacity=\"0.8\"><title>{}</title>\
             <path d=\"M{:.0} {:.0}Q{:.0} {:.0} {:.0} {:.0}\" stroke-width=\"{thick:.1}\"{dashes}/>{}</g>",
            escaped(&tooltip(from, to, uses)),
            p.x,
            p.y,
            bend.x,
            bend.y,
            q.x,
            q.y,
            head_of_arrow(bend, q, 5.0 + thick * 1.2, colour)
        );
        if uses.sites > 0 {
            // Near the caller, where lines are apart; neighbours at different distances.
            let count = drawn.entry(from).or_default();
            *count += 1;
            let t = 0.16 + 0.07 * (*count % 3) as f64;
            let at = p.toward(bend, t).toward(bend.toward(q, t), t);
            let _ = writeln!(
                labels,
                "<text x=\"{:.0}\" y=\"{:.0}\" fill=\"{colour}\">{}</text>",
                at.x,
                at.y + 3.0,
                uses.sites
            );
        }
    }
    let _ = write!(
        text,
        "<g font-size=\"9\" stroke=\"white\" stroke-width=\"3\" paint-order=\"stroke\">\n{labels}</g>\n"
    );
    for name in names {
        if let Some(node) = nodes.get(name) {
            block(&mut text, colours(name), node.centre, node.width, name);
        }
    }
    text.push_str("</svg>\n");
    text
}

/// Title, numbers, key and legend.
fn head(text: &mut String, graph: &Graph, w: f64) {
    let x = w / 2.0;
    let _ = writeln!(
        text,
        "<text x=\"{x:.0}\" y=\"32\" font-size=\"20\" font-weight=\"bold\">{}</text>\n\
         <text x=\"{x:.0}\" y=\"54\" font-size=\"14\">{}</text>\n\
         <text x=\"{x:.0}\" y=\"74\" fill=\"#555\">{}</text>",
        escaped(&graph.subject),
        escaped(&graph.summary_line()),
        escaped(&graph.key())
    );
    if graph.unit == "directories" {
        return;
    }
    let families = graph.families();
    let whole: f64 = families.keys().map(|name| text_width(name) + 8.0).sum();
    let mut left = x - whole / 2.0;
    for (name, colours) in families {
        let width = text_width(name);
        block(text, colours, Point { x: left + width / 2.0, y: 100.0 }, width, name);
        left += width + 8.0;
    }
}

fn block(text: &mut String, (fill, line): (&str, &str), at: Point, width: f64, name: &str) {
    let _ = writeln!(
        text,
        "<rect x=\"{:.0}\" y=\"{:.0}\" width=\"{width:.0}\" height=\"{BOX_HEIGHT}\" rx=\"5\" \
         fill=\"{fill}\" stroke=\"{line}\"/><text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
        at.x - width / 2.0,
        at.y - BOX_HEIGHT / 2.0,
        at.x,
        at.y + 4.0,
        escaped(name)
    );
}

/// The point that a line bends to: half-way to the middle, and to the side, so that the two
/// directions between a pair are apart.
fn bend(from: Point, to: Point, middle: Point) -> Point {
    const SIDE: f64 = 22.0;
    let half = from.toward(to, 0.5).toward(middle, 0.35);
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = dx.hypot(dy).max(1.0);
    Point { x: half.x - dy / length * SIDE, y: half.y + dx / length * SIDE }
}

/// The head of an arrow that comes from `from` and ends at `tip`.
fn head_of_arrow(from: Point, tip: Point, size: f64, colour: &str) -> String {
    let (dx, dy) = (tip.x - from.x, tip.y - from.y);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length * size, dy / length * size);
    let corner = |side: f64| (tip.x - ux - uy * side, tip.y - uy + ux * side);
    let ((ax, ay), (bx, by)) = (corner(0.4), corner(-0.4));
    format!(
        "<path d=\"M{:.1} {:.1}L{ax:.1} {ay:.1} {bx:.1} {by:.1}z\" fill=\"{colour}\" stroke=\"none\"/>",
        tip.x, tip.y
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Uses;

    #[test]
    fn lines_end_at_the_boxes() {
        let node = Node { centre: Point { x: 10.0, y: 10.0 }, width: 20.0 };
        assert_eq!(node.border(Point { x: 110.0, y: 10.0 }), Point { x: 20.0, y: 10.0 });
        assert_eq!(node.border(Point { x: 10.0, y: -90.0 }), Point { x: 10.0, y: -2.0 });
        assert_eq!(node.border(node.centre), node.centre);
    }

    #[test]
    fn everything_is_drawn() {
        let name = |text: &str| text.to_owned();
        let uses = Uses { sites: 3, calls: 2, inlined: 1, references: 0 };
        let taken = Uses { references: 1, ..Uses::default() };
        let graph = Graph {
            subject: name("a<b"),
            unit: "libraries",
            nodes: ["lib/net/inet", "lib/core/print", "core"].map(name).into(),
            edges: [
                ((name("lib/net/inet"), name("core")), uses),
                ((name("core"), name("lib/core/print")), taken),
            ]
            .into(),
            ..Graph::default()
        };
        let text = svg(&graph);
        for node in &graph.nodes {
            assert_eq!(text.matches(&format!(">{node}</text>")).count(), 1, "{node}");
        }
        assert!(text.contains(">3</text>") && text.contains("a&lt;b"), "{text}");
        assert_eq!(text.matches("Q").count(), 2);
        assert_eq!(text.matches("stroke-dasharray").count(), 1);
        assert!(svg(&Graph::default()).ends_with("</svg>\n"));
    }
}
