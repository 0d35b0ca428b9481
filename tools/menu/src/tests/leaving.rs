//! Saving, loading, and leaving.

use super::{KCONFIG, menu, press, screen, tree, type_text, value};
use crate::Effect;

#[test]
fn nothing_changed_nothing_asked() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    assert_eq!(press(&mut menu, "Esc"), Effect::Quit);
    assert_eq!(press(&mut menu, "q"), Effect::Quit);
    assert_eq!(press(&mut menu, "^C"), Effect::Interrupt);
    // There and back is no change.
    assert_eq!(press(&mut menu, "Down Space Space q"), Effect::Quit);
}

#[test]
fn changes_are_asked_about() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "Down Space");
    assert!(screen(&mut menu, 80, 24).starts_with(" Sample  [not saved]\n"));
    assert_eq!(press(&mut menu, "Esc"), Effect::Draw);
    insta::assert_snapshot!(screen(&mut menu, 80, 24));
    assert_eq!(press(&mut menu, "Esc"), Effect::Draw);
    assert!(menu.dialogs.is_empty());
    assert_eq!(press(&mut menu, "q Tab Enter"), Effect::Quit);
    assert_eq!(press(&mut menu, "q n"), Effect::Quit);
    assert_eq!(press(&mut menu, "^C"), Effect::Draw);
    assert_eq!(press(&mut menu, "^C"), Effect::Interrupt);
    menu.dialogs.clear();
    assert_eq!(press(&mut menu, "q Enter"), Effect::Save(".config".to_owned()));
    // What could not be saved keeps the menu open.
    assert_eq!(menu.saved(".config", Err("the disk is full".to_owned())), Effect::Draw);
    assert!(screen(&mut menu, 80, 24).contains("the disk is full"));
    assert_eq!(press(&mut menu, "Enter q y"), Effect::Save(".config".to_owned()));
    assert_eq!(menu.saved(".config", Ok("written".to_owned())), Effect::Quit);
    assert!(!menu.is_changed());
}

#[test]
fn saving_asks_for_the_file() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "Down Space S");
    type_text(&mut menu, "2");
    assert_eq!(press(&mut menu, "Enter"), Effect::Save(".config2".to_owned()));
    assert_eq!(menu.saved(".config2", Ok("a copy".to_owned())), Effect::Draw);
    assert!(screen(&mut menu, 80, 24).ends_with("\na copy"));
    assert!(menu.is_changed(), "a copy is not the configuration");
    assert_eq!(press(&mut menu, "s Enter"), Effect::Save(".config".to_owned()));
    menu.saved(".config", Ok("written".to_owned()));
    assert!(!menu.is_changed());
    menu.subject.ask = false;
    assert_eq!(press(&mut menu, "s"), Effect::Save(".config".to_owned()));
}

#[test]
fn loading_takes_other_values() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    assert_eq!(press(&mut menu, "O Enter"), Effect::Load(".config".to_owned()));
    menu.state().read("CONFIG_ALPHA=y\nCONFIG_COUNT=9\n", "other");
    menu.loaded("other", Ok("read".to_owned()));
    assert!(menu.is_changed());
    assert_eq!(value(&mut menu, "COUNT"), "9");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("│ [*] Alpha") && text.contains("lib/a"), "{text}");
    menu.loaded(".config", Err("no such file".to_owned()));
    assert!(screen(&mut menu, 80, 24).contains("no such file"));
}
