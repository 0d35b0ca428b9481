//! The mouse.

use super::{KCONFIG, menu, press, screen, tree, type_text, value};
use crate::{Effect, Menu};
use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use std::time::Duration;

fn mouse(menu: &mut Menu, kind: MouseEventKind, column: u16, row: u16) -> Effect {
    let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    menu.handle(&Event::Mouse(event), Duration::ZERO)
}

/// Clicks on the first place where the screen has this text.
fn click(menu: &mut Menu, text: &str) -> Effect {
    let screen = screen(menu, 80, 24);
    let found = screen.lines().enumerate().find_map(|(row, line)| {
        let before = line.split_once(text)?.0;
        Some((before.chars().count(), row))
    });
    let (column, row) = found.unwrap_or_else(|| panic!("{text}: {screen}"));
    mouse(menu, MouseEventKind::Down(MouseButton::Left), column as u16, row as u16)
}

#[test]
fn clicks_select_toggle_and_open() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    click(&mut menu, "Driver");
    assert_eq!(menu.row().map(|row| row.text.as_str()), Some("Driver"));
    assert_eq!(value(&mut menu, "DRIVER"), "n");
    click(&mut menu, "[ ] Alpha");
    assert_eq!(value(&mut menu, "ALPHA"), "y");
    click(&mut menu, "Inside");
    assert_eq!(menu.places.len(), 1);
    click(&mut menu, "Inside");
    assert_eq!(menu.places.len(), 2);
    click(&mut menu, "< Exit >");
    assert_eq!(menu.places.len(), 1);
    click(&mut menu, "(4) Count");
    assert!(screen(&mut menu, 80, 24).contains("A number from 1 to 64"));
}

#[test]
fn the_wheel_scrolls() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    mouse(&mut menu, MouseEventKind::ScrollDown, 5, 5);
    assert_eq!(menu.place().cursor, 3);
    mouse(&mut menu, MouseEventKind::ScrollUp, 5, 5);
    assert_eq!(menu.place().cursor, 0);
}

#[test]
fn dialogs_take_clicks() {
    let tree = tree(KCONFIG);
    let mut menu = menu(&tree);
    press(&mut menu, "/");
    type_text(&mut menu, "in");
    click(&mut menu, "(2)");
    assert!(menu.dialogs.is_empty());
    assert_eq!(menu.row().map(|row| row.text.as_str()), Some("Inside"));
    press(&mut menu, "Home y n q");
    click(&mut menu, "< Cancel >");
    assert!(menu.dialogs.is_empty());
    press(&mut menu, "q");
    assert_eq!(click(&mut menu, "< No >"), Effect::Quit);
}
