//! What is refused, and what would make it hold.

use super::{KCONFIG, menu, press, screen, tree, value};
use crate::dialog::Dialog;

#[test]
fn what_is_refused_comes_with_what_it_takes() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "z Down Down Down Down y");
    assert_eq!(value(&mut menu, "SECRET"), "n");
    insta::assert_snapshot!(screen(&mut menu, 80, 24));
    // What toggles does not answer, as it may have been on its way already.
    press(&mut menu, "y Space n m");
    assert!(screen(&mut menu, 80, 24).contains("Not possible yet"));
    press(&mut menu, "Enter");
    assert_eq!([value(&mut menu, "DRIVER"), value(&mut menu, "SECRET")], ["y", "y"]);
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("─ DRIVER=y, SECRET=y ─"), "{text}");
    assert!(text.contains("│   [*] Secret"), "{text}");
}

#[test]
fn offers_can_be_left() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    for answer in ["Esc", "Tab Enter"] {
        menu.hidden = true;
        menu.refresh();
        press(&mut menu, "Home Down Down Down Down Space");
        assert!(screen(&mut menu, 80, 24).contains("< Set these >"));
        press(&mut menu, answer);
        assert!(menu.dialogs.is_empty() && !menu.is_changed());
        assert_eq!(value(&mut menu, "SECRET"), "n");
    }
}

#[test]
fn the_next_key_ends_the_search() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "z Down Down Down Down y");
    assert!(menu.is_working());
    press(&mut menu, "Up");
    assert!(!menu.is_working() && menu.dialogs.is_empty());
}

#[test]
fn another_member_is_chosen_in_place_of_one() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "End Up Enter n");
    assert!(screen(&mut menu, 80, 24).contains("RED=n holds with:"));
    press(&mut menu, "Enter");
    assert_eq!([value(&mut menu, "RED"), value(&mut menu, "BLUE")], ["n", "y"]);
}

#[test]
fn what_selects_has_to_go() {
    let text = "config A\n\tbool \"A\"\n\tselect B\nconfig B\n\tbool \"B\"\n\
                config NEVER\n\tbool \"Never\"\n\tdepends on A && !A\n\
                config TEXT\n\tstring \"Text\"\n\tdefault \"t\"\n\tdepends on !B\n";
    let tree = tree(text);
    let mut menu = menu(&tree);
    press(&mut menu, "z y Down Space");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("B=y: selected by A") && text.contains("B=n holds with:"), "{text}");
    press(&mut menu, "Enter");
    assert_eq!([value(&mut menu, "A"), value(&mut menu, "B")], ["n", "n"]);
    // All that a text needs is that one can change it.
    press(&mut menu, "Home y End Enter");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("TEXT can be changed with:") && text.contains("A=n  A"), "{text}");
    press(&mut menu, "Enter Enter");
    assert!(matches!(menu.dialogs.last(), Some(Dialog::Edit { .. })));
    press(&mut menu, "Esc Up y");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("nothing was found that changes that"), "{text}");
    assert!(menu.dialogs.is_empty());
    // What is too long for a line has a window.
    screen(&mut menu, 50, 24);
    press(&mut menu, "y");
    let text = screen(&mut menu, 50, 24);
    assert!(text.contains("─ Not possible ─"), "{text}");
}
