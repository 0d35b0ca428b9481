//! The menu without a terminal: events in, screens out.

mod editing;
mod leaving;
mod lists;
mod pointer;
mod remedies;
mod searching;
mod taking_back;

use crate::{Effect, Menu, Subject};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;
use std::time::Duration;
use unilith_kconfig::{State, Tree};

/// A bit of everything.
const KCONFIG: &str = r#"
mainmenu "Sample"

config MODULES
	bool "Modules"
	default y
	modules

config ALPHA
	bool "Alpha"
	select LIB_A
	help
	  The first letter. It is here so that there is something to select.

config ALPHA_DEEP
	bool "Deeper"
	depends on ALPHA

config LIB_A
	bool

config LIB_B
	bool
	default y if !ALPHA

config DRIVER
	tristate "Driver"

config SECRET
	bool "Secret"
	depends on DRIVER = y

comment "Numbers"

config COUNT
	int "Count"
	range 1 64
	default 4

config ADDRESS
	hex "Address"
	default 0x10

config NAME
	string "Name"
	default "x"

choice
	prompt "Colour"
	default RED

config RED
	bool "Red"

config BLUE
	bool "Blue"

endchoice

menu "Inside"

config INNER
	bool "Inner"
	default y

menuconfig FEATURE
	bool "Feature"

if FEATURE

config PART
	bool "Part"

endif

endmenu

menu "Empty"
	depends on SECRET

endmenu
"#;

fn tree(text: &str) -> Tree {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("Kconfig");
    std::fs::write(&file, text).expect("a file");
    Tree::load(&file, &BTreeMap::new()).expect("a tree")
}

/// A menu whose configuration is saved, with libraries.
fn menu(tree: &Tree) -> Menu<'_> {
    let libraries = [("LIB_A", "lib/a"), ("LIB_B", "lib/b")];
    let libraries =
        libraries.map(|(symbol, name)| (symbol.to_owned(), vec![name.to_owned()])).into();
    let subject = Subject {
        title: "Sample".to_owned(),
        file: ".config".to_owned(),
        ask: true,
        saved: true,
        novelties: false,
        base: None,
        libraries,
    };
    Menu::new(State::new(tree), subject)
}

/// What a key is called in these tests: a character, or a word.
fn key(name: &str) -> Event {
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "PageDown" => KeyCode::PageDown,
        "Tab" => KeyCode::Tab,
        "Space" => KeyCode::Char(' '),
        "^C" => return control('c'),
        "^U" => return control('u'),
        text => KeyCode::Char(text.chars().next().expect("a character")),
    };
    Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn control(c: char) -> Event {
    Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL))
}

/// Presses keys, a second apart; gives what the last one asked for.
fn press(menu: &mut Menu, keys: &str) -> Effect {
    let mut effect = Effect::Draw;
    for name in keys.split_whitespace() {
        // Time that no test has used yet: no two keys are a pair by chance.
        let now = menu.escaped.unwrap_or_default() + Duration::from_secs(1);
        effect = menu.handle(&key(name), now);
    }
    effect
}

/// Types a text.
fn type_text(menu: &mut Menu, text: &str) {
    for c in text.chars() {
        menu.handle(&Event::Key(KeyEvent::from(KeyCode::Char(c))), Duration::ZERO);
    }
}

fn value(menu: &mut Menu, name: &str) -> String {
    let id = menu.state.tree().find(name).expect("a symbol");
    menu.state.value(id).to_owned()
}

/// The screen's lines, without what is blank at their ends.
fn screen(menu: &mut Menu, width: u16, height: u16) -> String {
    menu.settle();
    menu.handle(&Event::Resize(width, height), Duration::ZERO);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal
        .draw(|frame| {
            menu.render(frame.buffer_mut());
        })
        .expect("drawing works");
    let buffer = terminal.backend().buffer();
    let line = |y| {
        let cells = (0..width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    (0..height).map(line).collect::<Vec<_>>().join("\n")
}
