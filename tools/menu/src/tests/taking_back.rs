//! Taking back what was set.

use super::{KCONFIG, menu, press, screen, tree, type_text, value};
use crate::Effect;

#[test]
fn values_become_what_they_are_by_default() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "u");
    assert!(screen(&mut menu, 80, 24).contains("MODULES is not set: it has its default"));
    press(&mut menu, "Down Down Down Down Enter ^U");
    type_text(&mut menu, "7");
    press(&mut menu, "Enter");
    assert_eq!(value(&mut menu, "COUNT"), "7");
    press(&mut menu, "u");
    assert_eq!(value(&mut menu, "COUNT"), "4");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("COUNT has its default again"), "{text}");
    assert!(text.contains("─ COUNT=7, COUNT=4 ─"), "{text}");
    // There and back is no change.
    assert_eq!(press(&mut menu, "q"), Effect::Quit);
}

#[test]
fn what_follows_is_told() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "Down y");
    menu.settle();
    press(&mut menu, "u");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("Pulled in (1): lib/b") && text.contains("Dropped (1): lib/a"), "{text}");
}

#[test]
fn choices_are_taken_back_as_a_whole() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "End Up Enter Down Space");
    assert_eq!(value(&mut menu, "BLUE"), "y");
    press(&mut menu, "u");
    assert_eq!([value(&mut menu, "RED"), value(&mut menu, "BLUE")], ["y", "n"]);
    press(&mut menu, "u");
    assert!(screen(&mut menu, 80, 24).contains("Colour is not set"));
    press(&mut menu, "Enter Down Space Enter u");
    assert_eq!(value(&mut menu, "RED"), "y");
}

#[test]
fn the_base_counts_again() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    let base = [("COUNT", "9"), ("BLUE", "y")];
    menu.subject.base = Some(base.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    menu.state().read("CONFIG_COUNT=9\nCONFIG_BLUE=y\nCONFIG_ALPHA=y\n", ".config");
    menu.loaded(".config", Ok(String::new()));
    press(&mut menu, "Down Down Down Down Down u");
    assert!(screen(&mut menu, 80, 24).contains("COUNT is not set"));
    press(&mut menu, "Enter ^U 1 Enter u");
    assert_eq!(value(&mut menu, "COUNT"), "9");
    press(&mut menu, "End Up u");
    assert!(screen(&mut menu, 80, 24).contains("Colour is not set"));
    press(&mut menu, "Enter Home Space u");
    assert_eq!(value(&mut menu, "BLUE"), "y");
    menu.saved(".config", Ok(String::new()));
    assert!(!menu.is_changed());
    // To take back what is the default anyway changes the file.
    press(&mut menu, "Home y");
    menu.settle();
    assert!(!menu.is_changed());
    press(&mut menu, "u");
    menu.settle();
    assert!(menu.is_changed());
}
