//! Searching and jumping.

use super::{KCONFIG, menu, press, screen, tree, type_text};

fn selected(menu: &crate::Menu) -> String {
    menu.row().map(|row| row.text.clone()).unwrap_or_default()
}

#[test]
fn numbers_jump() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "/");
    type_text(&mut menu, "e");
    insta::assert_snapshot!(screen(&mut menu, 80, 24));
    press(&mut menu, "^U");
    type_text(&mut menu, "in");
    // The list is in the tree's order behind those whose names begin so.
    press(&mut menu, "Enter 1");
    assert_eq!(selected(&menu), "Inner");
    assert!(screen(&mut menu, 80, 24).contains(" Sample > Inside\n"));
}

#[test]
fn enter_and_arrows_jump() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "/");
    type_text(&mut menu, "config_blue");
    press(&mut menu, "Enter");
    assert_eq!(selected(&menu), "Blue");
    press(&mut menu, "/");
    type_text(&mut menu, "e");
    press(&mut menu, "Down Down Up");
    let first = screen(&mut menu, 80, 24);
    assert!(first.contains("1-9, Enter jump"), "{first}");
    press(&mut menu, "? Esc Enter");
    assert!(menu.dialogs.is_empty());
}

#[test]
fn hidden_entries_are_shown_to_jump_there() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "/");
    type_text(&mut menu, "part");
    press(&mut menu, "Enter");
    assert_eq!(selected(&menu), "Part");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("hidden entries are shown"), "{text}");
    // Its menu is hidden again, too, and closes.
    press(&mut menu, "z");
    assert!(!menu.hidden);
}

#[test]
fn nothing_found_says_so() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "/");
    type_text(&mut menu, "zzz");
    press(&mut menu, "Enter Down 1");
    assert!(screen(&mut menu, 80, 24).contains("Nothing is named so"));
    press(&mut menu, "Esc");
    assert!(menu.dialogs.is_empty());
}
