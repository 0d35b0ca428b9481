//! A panic leaves no terminal behind in which nobody can type.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};
use unilith_kconfig::{State, Tree};
use unilith_menu::{Menu, Storage, Subject, run};

/// The variable that tells this program to be the one that panics: it starts itself in tmux.
const INNER: &str = "UNILITH_MENU_PANIC";

struct Broken;

impl Storage for Broken {
    fn save(&mut self, _: &mut State, _: &str) -> Result<String, String> {
        panic!("the storage is broken")
    }

    fn load(&mut self, _: &mut State, _: &str) -> Result<String, String> {
        Err("nothing is here".to_owned())
    }
}

/// The part that panics when somebody saves.
fn inner(directory: &str) {
    let file = std::path::Path::new(directory).join("Kconfig");
    std::fs::write(&file, "config A\n\tbool \"Alpha\"\n").expect("a file");
    let tree = Tree::load(&file, &BTreeMap::new()).expect("a tree");
    let mut menu = Menu::new(State::new(&tree), Subject::default());
    let _ = run(&mut menu, &mut Broken);
}

#[test]
fn a_panic_gives_the_terminal_back() {
    if let Ok(directory) = std::env::var(INNER) {
        return inner(&directory);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("tmux");
    let tmux = |arguments: &[&str]| {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&socket).args(["-f", "/dev/null"]).args(arguments);
        let output = command.env_remove("TMUX").output().expect("tmux starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let wait = |parts: &[&str]| {
        let start = Instant::now();
        loop {
            let text = tmux(&["capture-pane", "-p"]);
            if parts.iter().all(|part| text.contains(part)) {
                return;
            }
            if start.elapsed() > Duration::from_secs(20) {
                tmux(&["kill-server"]);
                panic!("{parts:?} did not appear:\n{text}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let program = std::env::current_exe().expect("this program");
    let command = format!(
        "cd '{0}' && stty -g > before; {INNER}='{0}' RUST_BACKTRACE=0 '{1}' --exact --nocapture \
         a_panic_gives_the_terminal_back; stty -g | cmp - before && echo restored; sleep 1000",
        directory.path().display(),
        program.display()
    );
    tmux(&["new-session", "-d", "-x", "80", "-y", "24", "sh", "-c", &command]);
    wait(&["[ ] Alpha"]);
    tmux(&["send-keys", "s"]);
    wait(&["the storage is broken", "restored"]);
    tmux(&["kill-server"]);
}
