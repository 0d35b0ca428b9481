//! `unilith menu` and `unilith kconfig menu` on a real terminal: tmux is one that can be asked what
//! it shows.

mod common;

use common::{App, errors, output, root};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use unilith_kconfig::Tree;

/// How long a screen may take to appear on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal of 80 columns and 24 lines that runs one command.
struct Screen {
    socket: String,
    _dir: TempDir,
}

impl Screen {
    fn start(name: &str, directory: &Path, arguments: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join(name).display().to_string();
        let screen = Self { socket, _dir: dir };
        // The shell stays, so that the screen that the command leaves can be seen.
        let command = format!(
            "cd '{}' && PS1= && stty -g > before && '{}' {arguments}; echo \"status $?\"; \
             stty -g | cmp - before && echo restored; sleep 1000",
            directory.display(),
            env!("CARGO_BIN_EXE_unilith")
        );
        screen.tmux(&["new-session", "-d", "-x", "80", "-y", "24", "sh", "-c", &command]);
        screen.tmux(&["set-option", "-g", "escape-time", "0"]);
        screen
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-S", &self.socket, "-f", "/dev/null"])
            .args(arguments)
            .env("UNILITH_ROOT", root())
            .env_remove("TMUX")
            .output()
            .expect("tmux starts");
        assert!(output.status.success(), "tmux {arguments:?}: {}", errors(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The process of the command.
    fn menu(&self) -> String {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let children = format!("/proc/{0}/task/{0}/children", shell.trim());
        fs::read_to_string(children).expect("a process has children").trim().to_owned()
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn text(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    fn show(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen shows all of these.
    #[track_caller]
    fn wait(&self, parts: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let text = self.show();
            if parts.iter().all(|part| text.contains(part)) {
                return text;
            }
            assert!(start.elapsed() < PATIENCE, "{parts:?} did not appear:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The whole screen, once it shows all of these and does not change any more: a picture comes in
    /// pieces.
    #[track_caller]
    fn picture(&self, parts: &[&str]) -> String {
        const STILL: Duration = Duration::from_millis(300);
        let start = Instant::now();
        let (mut text, mut since) = (self.wait(parts), Instant::now());
        while since.elapsed() < STILL {
            std::thread::sleep(Duration::from_millis(20));
            let now = self.show();
            if now != text {
                (text, since) = (now, Instant::now());
            }
            assert!(start.elapsed() < PATIENCE, "it does not come to rest:\n{text}");
        }
        text
    }

    /// A click of the left button, counted from 1, as terminals report it.
    fn click(&self, column: u32, row: u32) {
        self.report(0, column, row);
        let up = format!("\x1b[<0;{column};{row}m");
        self.bytes(&up);
    }

    /// A press of one of the mouse's buttons; 64 and 65 are the wheel.
    fn report(&self, button: u32, column: u32, row: u32) {
        self.bytes(&format!("\x1b[<{button};{column};{row}M"));
    }

    fn bytes(&self, text: &str) {
        let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
        self.keys(&[&["-H"], &bytes[..]].concat());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-S", &self.socket, "kill-server"]).output();
    }
}

const KCONFIG: &str = r#"
mainmenu "Sample"

config ALPHA
	bool "Alpha"
	select BETA
	help
	  The first letter.

config BETA
	bool

menu "Numbers"

config COUNT
	int "Count"
	range 1 64
	default 4

endmenu
"#;

fn tree() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("Kconfig"), KCONFIG).expect("a file");
    dir
}

fn config(dir: &TempDir) -> String {
    fs::read_to_string(dir.path().join(".config")).unwrap_or_default()
}

#[test]
fn menu_of_a_tree_navigates_toggles_searches_helps_saves_and_loads() {
    let dir = tree();
    let screen = Screen::start("tree", dir.path(), "kconfig menu --kconfig Kconfig");
    screen.wait(&[
        " .config - Sample  [not saved]",
        "[ ] Alpha (NEW)",
        "Numbers  --->",
        "< Load >",
    ]);
    screen.keys(&["Space"]);
    screen.wait(&["[*] Alpha", "─ ALPHA=y ─", "Pulled in (1): BETA"]);
    screen.keys(&["?"]);
    screen.wait(&["CONFIG_ALPHA:", "The first letter.", "Type: bool", "Defined at Kconfig:4"]);
    screen.keys(&["Escape", "Escape"]);
    screen.wait(&["[*] Alpha", "ALPHA=y"]);
    screen.keys(&["/"]);
    screen.wait(&["Name or prompt:"]);
    screen.text("cou");
    screen.wait(&["(1) COUNT [=4]  Count"]);
    screen.keys(&["Enter"]);
    screen.wait(&[" Sample > Numbers", "(4) Count"]);
    screen.keys(&["Enter"]);
    screen.wait(&["A number from 1 to 64"]);
    screen.keys(&["C-u"]);
    screen.text("65");
    screen.keys(&["Enter"]);
    screen.wait(&["\"65\" is not possible"]);
    screen.keys(&["BSpace", "BSpace"]);
    screen.text("7");
    screen.keys(&["Enter"]);
    screen.wait(&["(7) Count", "COUNT=7"]);
    screen.keys(&["S"]);
    screen.wait(&["The file to write the configuration to:", ".config"]);
    screen.keys(&["Enter"]);
    screen.wait(&["configuration written to .config"]);
    let saved = config(&dir);
    for line in ["CONFIG_ALPHA=y\n", "CONFIG_BETA=y\n", "CONFIG_COUNT=7\n"] {
        assert!(saved.contains(line), "{saved}");
    }
    fs::write(dir.path().join("other"), "CONFIG_COUNT=9\n").expect("a file");
    screen.keys(&["O"]);
    screen.wait(&["The file to read a configuration from:"]);
    screen.keys(&["C-u"]);
    screen.text("other");
    screen.keys(&["Enter"]);
    screen.wait(&["configuration read from other", "(9) Count", "[not saved]"]);
    screen.keys(&["O"]);
    screen.wait(&["The file to read a configuration from:"]);
    screen.keys(&["Enter"]);
    let text = screen.wait(&["configuration read from .config", "(7) Count"]);
    assert!(!text.contains("[not saved]"), "{text}");
    screen.keys(&["q"]);
    screen.wait(&["unilith: configuration written to .config", "status 0", "restored"]);
}

#[test]
fn menu_asks_about_changes_that_are_not_saved() {
    let dir = tree();
    let start = || Screen::start("leave", dir.path(), "kconfig menu --kconfig Kconfig");
    let screen = start();
    screen.wait(&["[ ] Alpha"]);
    screen.keys(&["y"]);
    screen.wait(&["[*] Alpha"]);
    // Both keys of Esc Esc come at once: the second one does not answer the question.
    screen.keys(&["Escape", "Escape"]);
    screen.wait(&["There are changes that are not saved. Save them?", "< Yes >"]);
    screen.keys(&["n"]);
    screen.wait(&["unilith: changes are not saved", "status 0", "restored"]);
    assert_eq!(config(&dir), "");
    let screen = start();
    screen.wait(&["[ ] Alpha"]);
    screen.keys(&["y", "q"]);
    screen.wait(&["Save them?"]);
    screen.keys(&["Enter"]);
    screen.wait(&["unilith: configuration written to .config", "status 0"]);
    assert!(config(&dir).contains("CONFIG_ALPHA=y\n"));
    let screen = start();
    screen.wait(&["[*] Alpha"]);
    screen.keys(&["Escape"]);
    let text = screen.wait(&["status 0"]);
    assert!(!text.contains("unilith:"), "nothing is said of what did not happen: {text}");
}

#[test]
fn menu_gives_the_terminal_back_on_ctrl_c_and_signals() {
    let dir = tree();
    let start = || {
        let screen = Screen::start("signal", dir.path(), "kconfig menu --kconfig Kconfig");
        screen.wait(&["[ ] Alpha"]);
        screen
    };
    let screen = start();
    screen.keys(&["C-c"]);
    screen.wait(&["Save them?"]);
    screen.keys(&["C-c"]);
    screen.wait(&["unilith: changes are not saved", "status 130", "restored"]);
    let screen = start();
    let kill = Command::new("kill").args(["-TERM", &screen.menu()]).status();
    assert!(kill.expect("kill starts").success());
    screen.wait(&["status 143", "restored"]);
}

#[test]
fn menu_ends_when_the_terminal_is_gone() {
    let dir = tree();
    // What the terminal's end meets differs from time to time.
    for _ in 0..2 {
        let screen = Screen::start("gone", dir.path(), "kconfig menu --kconfig Kconfig");
        screen.wait(&["[ ] Alpha"]);
        let status = format!("/proc/{}/stat", screen.menu());
        let start = Instant::now();
        drop(screen);
        let lives = || fs::read_to_string(&status).is_ok_and(|text| !text.contains(") Z "));
        while lives() {
            assert!(start.elapsed() < PATIENCE, "the menu still runs");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn menu_takes_clicks() {
    let dir = tree();
    let screen = Screen::start("mouse", dir.path(), "kconfig menu --kconfig Kconfig");
    screen.wait(&["[ ] Alpha"]);
    screen.click(4, 4);
    screen.wait(&["[*] Alpha"]);
    screen.click(10, 5);
    screen.click(10, 5);
    screen.wait(&[" Sample > Numbers"]);
    screen.keys(&["Escape", "Escape"]);
    screen.wait(&["[*] Alpha"]);
    // The wheel: to the first line, which is a bool, and to the last, which is a menu.
    screen.report(64, 10, 5);
    screen.keys(&["n"]);
    screen.wait(&["[ ] Alpha"]);
    screen.report(65, 10, 5);
    screen.keys(&["Enter"]);
    screen.wait(&[" Sample > Numbers"]);
}

#[test]
fn menu_of_an_application_saves_into_its_file() {
    let toml = "\n[config] # what it needs\nPRINT = true # always\nHEAP_BUMP = true\n";
    let app = App::new("cli-menu", toml, &[], "pub fn main() {}\n");
    let file = app.path.join("unilith.toml");
    let before = fs::read_to_string(&file).expect("the file");
    let screen = Screen::start("app", &app.path, "menu");
    screen.wait(&["Platform (QEMU)  --->", "Memory  --->"]);
    screen.keys(&["/"]);
    screen.text("HEAP_TLSF");
    screen.keys(&["Enter"]);
    screen.wait(&["Memory > Heap allocator", "(X) Bump: never frees"]);
    screen.keys(&["Space"]);
    screen.wait(&["─ HEAP_TLSF=y ─", "lib/mem/tlsf", "Dropped (1): lib/mem/bump"]);
    screen.keys(&["S"]);
    screen.wait(&["configuration written to"]);
    let want = before.replace("HEAP_BUMP = true\n", "HEAP_TLSF = true\n");
    assert_eq!(fs::read_to_string(&file).expect("the file"), want);
    screen.keys(&["q"]);
    screen.wait(&["status 0", "restored"]);
}

#[test]
fn menu_shows_these_screens_at_80_by_24() {
    let dir = tree();
    let text = KCONFIG.replace("BETA\n\tbool\n", "BETA\n\tbool \"Beta\" if COUNT > 10\n");
    fs::write(dir.path().join("Kconfig"), text).expect("a file");
    let screen = Screen::start("screens", dir.path(), "kconfig menu --kconfig Kconfig");
    screen.wait(&["[ ] Alpha"]);
    insta::assert_snapshot!("menu_main", screen.picture(&["< Select >"]));
    screen.keys(&["z"]);
    insta::assert_snapshot!("menu_hidden", screen.picture(&["Hidden entries are shown"]));
    screen.keys(&["Down", "Space"]);
    insta::assert_snapshot!("menu_offer", screen.picture(&["BETA=y holds with:"]));
    screen.keys(&["Enter"]);
    insta::assert_snapshot!(
        "menu_changed",
        screen.picture(&["[*] Alpha", "─ ALPHA=y ", "-*- Beta"])
    );
    screen.keys(&["Up", "?"]);
    insta::assert_snapshot!("menu_help", screen.picture(&["CONFIG_ALPHA:"]));
    screen.keys(&["Escape", "Escape", "/"]);
    screen.text("a");
    insta::assert_snapshot!("menu_search", screen.picture(&["found"]));
    screen.keys(&["Escape", "Escape"]);
    screen.wait(&["< Select >"]);
    screen.keys(&["q"]);
    insta::assert_snapshot!("menu_leave", screen.picture(&["Save them?"]));
}

#[test]
fn menu_takes_values_back_out_of_an_application_s_file() {
    let toml = "\n[config]\nPRINT = true # always\nCONFIG_HEAP_CHUNK = 128 # KiB\n";
    let app = App::new("cli-menu-unset", toml, &[], "pub fn main() {}\n");
    let file = app.path.join("unilith.toml");
    let before = fs::read_to_string(&file).expect("the file");
    let screen = Screen::start("unset", &app.path, "menu");
    screen.wait(&["Memory  --->"]);
    screen.keys(&["/"]);
    screen.text("HEAP_CHUNK");
    screen.keys(&["Enter"]);
    screen.wait(&["(128) "]);
    screen.keys(&["u"]);
    screen.wait(&["(64) ", "HEAP_CHUNK has its default again", "[not saved]"]);
    screen.keys(&["S"]);
    screen.wait(&["configuration written to"]);
    let want = before.replace("CONFIG_HEAP_CHUNK = 128 # KiB\n", "");
    assert_eq!(fs::read_to_string(&file).expect("the file"), want);
    screen.keys(&["q"]);
    screen.wait(&["status 0", "restored"]);
}

#[test]
fn menu_offers_what_an_application_lacks() {
    let app = App::new("cli-menu-offer", "profile = \"minimal\"\n", &[], "pub fn main() {}\n");
    let screen = Screen::start("offer", &app.path, "menu");
    screen.wait(&["Memory  --->"]);
    screen.keys(&["/"]);
    screen.text("NET_INET tcp/ip");
    screen.keys(&["Enter"]);
    screen.wait(&["- - TCP/IP", "hidden entries are shown"]);
    screen.keys(&["y"]);
    screen.wait(&["NET_INET=n: it depends on SCHED", "NET_INET=y holds with:", "SCHED=y"]);
    screen.keys(&["Enter"]);
    screen.wait(&["[*] TCP/IP", "Pulled in ("]);
    screen.keys(&["c"]);
    screen.wait(&["lib/net/inet", "lib/core/cmdline"]);
    screen.keys(&["Escape", "Escape", "S"]);
    screen.wait(&["configuration written to"]);
    let path = app.path.to_str().expect("text");
    assert_eq!(common::stdout(["config", "get", path, "NET_INET"]), "y\n");
}

/// The menu is made of the tree's files, which are found by their place: `lib` and `ext` alike.
#[test]
fn libraries_of_the_project_and_external_ones_are_in_the_menu_of_their_family() {
    const FAMILIES: [&str; 6] = ["core", "mem", "sched", "fs", "net", "posix"];
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["Kconfig", "lib", "plat", "drivers"] {
        symlink(root().join(name), dir.path().join(name)).expect("a link");
    }
    for family in FAMILIES {
        let own = dir.path().join("ext").join(family).join("mine");
        fs::create_dir_all(&own).expect("a directory");
        let text = format!("config MINE_{}\n\tbool \"Mine\"\n", family.to_uppercase());
        fs::write(own.join("Kconfig"), text).expect("a file");
    }
    let tree = Tree::load(&dir.path().join("Kconfig"), &BTreeMap::new()).expect("the tree");
    let mut menus: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut external = 0;
    for symbol in tree.symbols().filter(|symbol| tree.prompt(symbol).is_some()) {
        let file = tree.defined_at(symbol).file;
        let parts: Vec<&str> = file.split('/').collect();
        if let [.., place @ ("lib" | "ext"), family, _, "Kconfig"] = parts[..] {
            let menu = tree.menus_of(symbol).first().copied().unwrap_or("none");
            menus.entry(family.to_owned()).or_default().insert(menu);
            external += usize::from(place == "ext");
        }
    }
    assert_eq!(external, FAMILIES.len());
    let mut seen = BTreeSet::new();
    for (family, menus) in &menus {
        assert_eq!(menus.len(), 1, "{family}: {menus:?}");
        assert!(seen.insert(menus.first()), "{family} shares its menu");
    }
}

#[test]
fn menu_needs_a_terminal_and_an_application() {
    let cases: [(&[&str], &str); 3] = [
        (&["menu", "apps/hello"], "error: a menu needs a terminal"),
        (&["kconfig", "menu", "--kconfig", "Kconfig"], "error: a menu needs a terminal"),
        (&["menu"], "error: no application here; give the directory of one"),
    ];
    for (arguments, message) in cases {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(errors(&output).starts_with(message), "{}", errors(&output));
    }
}
