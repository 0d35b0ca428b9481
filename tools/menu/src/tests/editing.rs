//! Values that are typed.

use super::{KCONFIG, menu, press, screen, tree, type_text, value};

#[test]
fn numbers_have_ranges() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "Down Down Down Down Enter");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("A number from 1 to 64"), "{text}");
    press(&mut menu, "^U");
    type_text(&mut menu, "65");
    press(&mut menu, "Enter");
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("\"65\" is not possible: a number from 1 to 64"), "{text}");
    assert_eq!(value(&mut menu, "COUNT"), "4");
    press(&mut menu, "^U");
    type_text(&mut menu, "6x");
    press(&mut menu, "Enter");
    assert!(screen(&mut menu, 80, 24).contains("\"6x\" is not possible"));
    press(&mut menu, "^U");
    type_text(&mut menu, "63");
    press(&mut menu, "Enter");
    assert_eq!(value(&mut menu, "COUNT"), "63");
    assert!(screen(&mut menu, 80, 24).contains("│ (63) Count "));
}

#[test]
fn hexadecimal_numbers_and_texts() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "Down Down Down Down Down Enter ^U");
    type_text(&mut menu, "ff");
    press(&mut menu, "Enter");
    assert_eq!(value(&mut menu, "ADDRESS"), "0xff");
    menu.settle();
    press(&mut menu, "Down Enter Home");
    type_text(&mut menu, "a b ");
    press(&mut menu, "Enter");
    assert_eq!(value(&mut menu, "NAME"), "a b x");
    assert!(screen(&mut menu, 80, 24).contains("─ NAME=a b x ─"));
}

#[test]
fn esc_keeps_the_old_value() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "Down Down Down Down Enter ^U 7 Esc");
    assert_eq!(value(&mut menu, "COUNT"), "4");
    assert!(menu.dialogs.is_empty() && !menu.is_changed());
    // Letters set bools only.
    press(&mut menu, "y");
    assert!(screen(&mut menu, 80, 24).contains("Press Enter to edit the value"));
}

#[test]
fn help_is_complete() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "Down y ?");
    let text = screen(&mut menu, 80, 24);
    for part in
        ["─ Alpha ─", "CONFIG_ALPHA:", "The first letter.", "Type: bool", "Kconfig:9", "Selects at"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    press(&mut menu, "Esc /");
    type_text(&mut menu, "LIB_A");
    press(&mut menu, "Enter");
    // It has no prompt: there is only help to go to.
    let text = screen(&mut menu, 80, 24);
    assert!(text.contains("Selected at ") && text.contains("[y]: ALPHA [=y]"), "{text}");
    press(&mut menu, "Esc");
    assert!(screen(&mut menu, 80, 24).contains("─ Search ─"));
}
