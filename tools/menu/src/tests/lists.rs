//! Lists of menus.

use super::{KCONFIG, menu, press, screen, tree, value};
use crossterm::event::Event;
use std::time::Duration;

#[test]
fn the_main_menu_at_80_by_24() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    insta::assert_snapshot!(screen(&mut menu, 80, 24));
}

#[test]
fn entries_appear_below_what_they_depend_on() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    assert!(!screen(&mut menu, 80, 24).contains("Deeper"));
    press(&mut menu, "Down y");
    assert!(screen(&mut menu, 80, 24).contains("│ [*] Alpha "));
    assert!(screen(&mut menu, 80, 24).contains("│   [ ] Deeper "));
}

#[test]
fn the_panel_says_what_was_pulled_in_and_dropped() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "Down Space");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("─ ALPHA=y ─"), "{text}");
    assert!(text.contains("Pulled in (1): lib/a"), "{text}");
    assert!(text.contains("Dropped (1): lib/b"), "{text}");
    press(&mut menu, "Down Space");
    assert!(screen(&mut menu, 80, 24).contains("Nothing else is different."));
    press(&mut menu, "p");
    assert!(!screen(&mut menu, 80, 24).contains("Nothing else"));
    press(&mut menu, "c");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("┌─ ALPHA_DEEP=y ─") && text.contains("Nothing else"), "{text}");
    press(&mut menu, "Esc");
    // A small screen has none, until somebody asks for it; a wide one has it aside.
    menu.panel = None;
    assert!(!screen(&mut menu, 80, 18).contains("Nothing else"));
    press(&mut menu, "p");
    assert!(screen(&mut menu, 80, 18).contains("Nothing else"));
    insta::assert_snapshot!(screen(&mut menu, 130, 20));
}

#[test]
fn changes_that_come_fast_are_one() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "Down Space Down Space");
    assert!(menu.is_working());
    let text = screen(&mut menu, 80, 24);
    assert!(!menu.is_working());
    assert!(text.contains("─ ALPHA=y, ALPHA_DEEP=y ─"), "{text}");
    assert!(text.contains("Pulled in (1): lib/a\n"), "{text}");
}

#[test]
fn space_and_letters_set_tristates() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "Down Down Space");
    assert_eq!(value(&mut menu, "DRIVER"), "m");
    assert!(screen(&mut menu, 80, 24).contains("│ <M> Driver "));
    press(&mut menu, "y");
    assert_eq!(value(&mut menu, "DRIVER"), "y");
    assert!(screen(&mut menu, 80, 24).contains("│   [ ] Secret "));
    press(&mut menu, "n");
    assert_eq!(value(&mut menu, "DRIVER"), "n");
    press(&mut menu, "m");
    assert_eq!(value(&mut menu, "DRIVER"), "m");
    press(&mut menu, "Space Space");
    assert_eq!(value(&mut menu, "DRIVER"), "n");
}

#[test]
fn menus_open_and_close() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "End Enter");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains(" Sample > Inside\n"), "{text}");
    assert!(text.contains("│ [ ] Feature  ----"), "{text}");
    press(&mut menu, "End Space Enter");
    assert!(screen(&mut menu, 80, 24).contains(" Sample > Inside > Feature\n"));
    press(&mut menu, "Esc Esc");
    assert!(screen(&mut menu, 80, 24).contains("\n Sample\n"));
    // The selection is where it was.
    assert_eq!(menu.row().map(|row| row.text.as_str()), Some("Inside"));
}

#[test]
fn esc_esc_goes_back_once() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "End Enter End Space Enter");
    let at = |ms: u64| Duration::from_millis(1_000_000 + ms);
    menu.handle(&super::key("Esc"), at(0));
    menu.handle(&super::key("Esc"), at(150));
    assert_eq!(menu.places.len(), 2);
    menu.handle(&super::key("Esc"), at(300));
    menu.handle(&super::key("Esc"), at(450));
    assert_eq!(menu.places.len(), 1);
}

#[test]
fn choices_are_radio_lists() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "End Up");
    assert!(screen(&mut menu, 80, 24).contains("│     Colour (Red)  --->"));
    press(&mut menu, "Enter");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("│ (X) Red ") && text.contains("│ ( ) Blue "), "{text}");
    press(&mut menu, "Down Space");
    assert_eq!(value(&mut menu, "BLUE"), "y");
    assert!(screen(&mut menu, 80, 24).contains("│     Colour (Blue)  --->"));
    press(&mut menu, "Enter");
    // What is chosen is selected; n does not take it away, but says why.
    press(&mut menu, "n");
    assert_eq!(value(&mut menu, "BLUE"), "y");
    assert!(screen(&mut menu, 80, 24).contains("BLUE=y: by its choice"));
}

#[test]
fn hidden_entries_can_be_shown() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    assert!(!screen(&mut menu, 80, 24).contains("Secret"));
    press(&mut menu, "z");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("│   - - Secret") && text.contains("│     Empty  ----"), "{text}");
    press(&mut menu, "Down Down Down Down Space");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("SECRET=n: it depends on DRIVER = y"), "{text}");
    press(&mut menu, "Esc z");
    assert!(!screen(&mut menu, 80, 24).contains("Secret"));
}

#[test]
fn long_lists_scroll() {
    let long: String = (0..100).map(|i| format!("config S{i}\n\tbool \"Symbol {i}\"\n")).collect();
    let tree = tree(&long);
    let mut menu = menu(&tree);
    press(&mut menu, "PageDown PageDown");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("Symbol 28 ") && !text.contains("Symbol 14 "), "{text}");
    press(&mut menu, "End");
    assert!(screen(&mut menu, 80, 24).contains("Symbol 99 "));
    press(&mut menu, "Home");
    assert!(screen(&mut menu, 80, 24).contains("Symbol 0 "));
    assert_eq!(screen(&mut menu, 80, 24).matches("(more)").count(), 1);
}

#[test]
fn every_size_is_drawn() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    let dialogs =
        ["", "?", "Esc /", "Esc s", "Esc End Up Up Enter", "Esc q", "Esc z Home Down Down y"];
    for keys in dialogs {
        press(&mut menu, keys);
        for width in (0..140).step_by(7) {
            for height in 0..40 {
                screen(&mut menu, width, height);
            }
        }
    }
    assert!(matches!(menu.dialogs.last(), Some(crate::dialog::Dialog::Offer(_))));
    // An event that the screen has not followed yet.
    menu.handle(&Event::Resize(200, 60), Duration::ZERO);
    let mut small = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 10, 3));
    assert_eq!(menu.render(&mut small), None);
}
