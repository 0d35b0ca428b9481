//! How long keys take in Linux's own tree.

use crossterm::event::{Event, KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::path::Path;
use std::time::{Duration, Instant};
use unilith_kconfig::{Fill, Options, Random, State, Tree};
use unilith_menu::{Menu, Subject};

/// Keys that walk, open, toggle, search and ask for help; weighted by repetition.
const KEYS: [KeyCode; 15] = [
    KeyCode::Down,
    KeyCode::Down,
    KeyCode::Down,
    KeyCode::PageDown,
    KeyCode::Up,
    KeyCode::Enter,
    KeyCode::Enter,
    KeyCode::Char(' '),
    KeyCode::Char('y'),
    KeyCode::Char('m'),
    KeyCode::Char('n'),
    KeyCode::Char('u'),
    KeyCode::Char('z'),
    KeyCode::Char('?'),
    KeyCode::Esc,
];

#[test]
#[ignore = "a measurement: UNILITH_LINUX is an unpacked linux-source-6.1; needs --release"]
fn a_key_takes_less_than_50_ms() {
    let root = std::env::var("UNILITH_LINUX").expect("UNILITH_LINUX is the tree's directory");
    let root = Path::new(&root);
    let tools = [("CC", "gcc"), ("LD", "ld"), ("NM", "nm"), ("OBJCOPY", "objcopy"), ("AR", "ar")];
    let names = [("srctree", "."), ("ARCH", "x86"), ("SRCARCH", "x86"), ("KERNELVERSION", "6.1")];
    let others = [("RUSTC", "rustc"), ("BINDGEN", "bindgen"), ("PAHOLE", "pahole")];
    let mut environment: std::collections::BTreeMap<String, String> = std::env::vars().collect();
    for (name, value) in tools.into_iter().chain(names).chain(others) {
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment.insert("CC_VERSION_TEXT".to_owned(), "gcc".to_owned());
    let options = Options {
        srctree: Some(root.to_owned()),
        environment,
        directory: Some(root.to_owned()),
        shell_cache: None,
    };
    let start = Instant::now();
    let tree = Tree::load_with(&root.join("Kconfig"), &options).expect("Linux's tree");
    println!("reading: {:?}", start.elapsed());
    measure("defaults", State::new(&tree));
    // As after reading a whole file: the user said something of everything.
    let mut whole = State::new(&tree);
    whole.fill(Fill::Mod);
    let text = whole.write_config();
    let mut whole = State::new(&tree);
    whole.read(&text, ".config");
    measure("modules", whole);
}

/// Presses keys in a menu that starts with these values.
fn measure(what: &str, state: State) {
    let start = Instant::now();
    let mut menu = Menu::new(state, Subject::default());
    println!("{what}: opening {:?}", start.elapsed());
    let mut screen = Buffer::empty(Rect::new(0, 0, 80, 24));
    let mut times = vec![];
    let mut now = Duration::ZERO;
    let mut press = |menu: &mut Menu, code: KeyCode| {
        now += Duration::from_secs(1);
        let start = Instant::now();
        menu.handle(&Event::Key(KeyEvent::from(code)), now);
        menu.render(&mut screen);
        let drawn = start.elapsed();
        // A key can come at the beginning of the longest of these, and waits for it.
        let mut longest = Duration::ZERO;
        loop {
            let start = Instant::now();
            let more = menu.work();
            longest = longest.max(start.elapsed());
            if !more {
                break;
            }
        }
        times.push((drawn + longest, code));
    };
    let mut random = Random::new(1);
    for round in 0..3000 {
        press(&mut menu, KEYS[random.next() as usize % KEYS.len()]);
        if round % 100 == 0 {
            press(&mut menu, KeyCode::Esc);
            press(&mut menu, KeyCode::Char('/'));
            for c in "usb net".chars() {
                press(&mut menu, KeyCode::Char(c));
            }
            press(&mut menu, KeyCode::Enter);
            press(&mut menu, KeyCode::Char('3'));
            press(&mut menu, KeyCode::Esc);
        }
    }
    times.sort_by_key(|(time, _)| *time);
    println!("{} keys, median {:?}", times.len(), times[times.len() / 2].0);
    println!("longest: {:?}", &times[times.len() - 10..]);
    assert!(times[times.len() - 1].0 < Duration::from_millis(50));
}
