//! `graph`: who calls whom in an image, and in Linux.

mod common;

use common::{PLATFORMS, errors, json, output, stdout, unilith};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// The edge between two nodes.
fn edge<'a>(graph: &'a Value, from: &str, to: &str) -> Option<&'a Value> {
    let edges = graph["edges"].as_array().expect("edges");
    edges.iter().find(|edge| edge["from"] == from && edge["to"] == to)
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// What holds for every graph.
fn check(graph: &Value) {
    let nodes: Vec<&Value> = graph["nodes"].as_array().expect("nodes").iter().collect();
    let edges = graph["edges"].as_array().expect("edges");
    let summary = &graph["summary"];
    assert_eq!(number(&summary["nodes"]), nodes.len() as u64);
    assert_eq!(
        number(&summary["edges"]) + number(&summary["address_only"]),
        edges.len() as u64,
        "{graph}"
    );
    for edge in edges {
        assert!(nodes.contains(&&edge["from"]) && nodes.contains(&&edge["to"]), "{edge}");
        assert_ne!(edge["from"], edge["to"]);
        let all = number(&edge["calls"]) + number(&edge["inlined"]);
        assert!(number(&edge["sites"]) <= all, "{edge}");
        assert!(all + number(&edge["references"]) > 0, "{edge}");
    }
    for key in ["sites", "calls", "inlined", "references"] {
        let sum: u64 = edges.iter().map(|edge| number(&edge[key])).sum();
        assert_eq!(number(&summary[key]), sum, "{key}");
    }
    let density = number(&summary["edges"]) as f64 / nodes.len() as f64;
    let told = summary["edges_per_node"].as_f64().expect("a number");
    assert!((density - told).abs() < 0.006, "{summary}");
}

#[test]
fn the_calls_of_an_image() {
    for platform in PLATFORMS {
        let graph = json(["graph", "apps/hello", "--format", "json", "-p", platform]);
        check(&graph);
        assert_eq!(graph["subject"], format!("hello-{platform}-x86_64"));
        let plat = format!("plat/{platform}");
        let sites =
            |from: &str, to: &str| edge(&graph, from, to).map(|edge| number(&edge["sites"]));
        assert_eq!(sites("(composition root)", "hello"), Some(1), "{graph}");
        assert!(sites("hello", "lib/core/print").is_some(), "{graph}");
        assert!(sites(&plat, "core").is_some(), "{graph}");
        assert_eq!(sites("hello", &plat), None, "an application knows no platform");
        // Calls that the linker's optimiser left, and calls that it put the function in place of.
        assert!(number(&graph["summary"]["calls"]) > 5);
        assert!(number(&graph["summary"]["inlined"]) > 20);
    }
}

#[test]
fn graphs_in_three_languages() {
    let graph = json(["graph", "apps/hello", "--format", "json"]);
    let edges = graph["edges"].as_array().expect("edges");
    let dot = stdout(["graph", "apps/hello"]);
    assert!(dot.starts_with("digraph image {\n") && dot.ends_with("}\n"), "{dot}");
    assert_eq!(dot.matches(" -> \"").count(), edges.len());
    // Without graphviz, and on a ring.
    let mut poor = unilith(["graph", "apps/hello", "--format", "svg"]);
    let ring = poor.env("PATH", "/nowhere").output().expect("it starts");
    let ring = String::from_utf8(ring.stdout).expect("text");
    assert!(ring.starts_with("<svg ") && ring.ends_with("</svg>\n"), "{ring}");
    for node in graph["nodes"].as_array().expect("nodes") {
        assert!(dot.contains(&format!("  {node} [")), "{node}");
        let label = format!(">{}</text>", node.as_str().expect("text"));
        assert_eq!(ring.matches(&label).count(), 1, "{node}");
    }
    assert_eq!(ring.matches("<title>").count(), edges.len());
    let mut poor = unilith(["graph", "apps/hello", "--format", "svg", "--layout", "layers"]);
    let refused = poor.env("PATH", "/nowhere").output().expect("it starts");
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("needs graphviz"), "{}", errors(&refused));

    let dir = tempfile::tempdir().expect("a directory");
    with_graphviz(dir.path(), &dot);
    let file = dir.path().join("graph.dot");
    let run = output(["graph", "apps/hello", "-o", file.to_str().expect("text")]);
    assert!(run.stdout.is_empty());
    assert_eq!(fs::read_to_string(file).expect("the graph"), dot);
    let summary = &graph["summary"];
    let want =
        format!("hello-qemu-x86_64: {} libraries, {} edges, ", summary["nodes"], summary["edges"]);
    assert!(errors(&run).starts_with(&want), "{}", errors(&run));
    assert!(errors(&run).contains(&format!(", {} call sites", summary["sites"])));
}

/// Layers are left to graphviz: a program of this name gets the graph, and its picture is taken.
fn with_graphviz(dir: &Path, dot: &str) {
    let run = |script: &str| {
        let path = dir.join("dot");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a script");
        let path = format!("{}:/usr/bin:/bin", dir.display());
        let mut run = unilith(["graph", "apps/hello", "--format", "svg"]);
        run.env("PATH", path).output().expect("it starts")
    };
    let drawn = run(&format!("echo '<?xml?>' $1; cat > {}/got; echo '<svg/>'", dir.display()));
    assert_eq!(String::from_utf8_lossy(&drawn.stdout), "<svg/>\n", "{}", errors(&drawn));
    assert_eq!(fs::read_to_string(dir.join("got")).expect("a graph"), dot);
    let failed = run("cat >/dev/null; echo no fonts >&2; exit 1");
    assert_eq!(failed.status.code(), Some(1));
    assert!(errors(&failed).contains("dot: no fonts"), "{}", errors(&failed));
}

#[test]
fn nodes_are_left_out() {
    let graph = json(["graph", "apps/hello", "--format", "json", "--exclude", "core,plat/qemu"]);
    check(&graph);
    let nodes = graph["nodes"].as_array().expect("nodes");
    assert!(!nodes.contains(&"core".into()) && !nodes.contains(&"plat/qemu".into()));
    let run = output(["graph", "apps/hello", "--exclude", "coer"]);
    assert!(run.status.success(), "one list is for several images");
    assert!(errors(&run).contains("note: --exclude: there is no coer in this graph\n"));
}

#[test]
fn what_is_written_needs_no_build() {
    let checkout = common::Fresh::new();
    let mut run = checkout.unilith(["graph", "apps/hello", "--written", "--format", "json"]);
    let run = run.output().expect("it starts");
    assert!(run.status.success(), "{}", errors(&run));
    let graph: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert!(edge(&graph, "plat/qemu", "arch/x86_64").is_some());
    assert_eq!(number(&graph["summary"]["sites"]), 0);
    assert!(!checkout.has_built());
}

/// A tree of three directories: `fs` calls `mm` from three places, and `lib` from one.
fn tree(root: &Path) {
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    write(
        "fs/read.c",
        "void *get(int);\nint put(void *);\nint length(const char *);\n\
         static int twice(int a)\n{\n\treturn a + a; /* get(1) */\n}\n\
         int fs_read(int n)\n{\n\tvoid *p = get(twice(n));\n\tif (!p)\n\t\tp = get(0);\n\
         \treturn put(p) + length(\"put(1)\");\n}\n\
         int (*volatile later)(void *) = put;\n",
    );
    write(
        "mm/slab.c",
        "static char page[64];\nvoid *get(int n)\n{\n\treturn n > 64 ? 0 : page;\n}\n\
         int put(void *p)\n{\n\treturn p == page;\n}\n",
    );
    write("mm/slab.h", "void *get(int);\n");
    write(
        "lib/string.c",
        "int length(const char *s)\n{\n\tint n = 0;\n\twhile (*s++)\n\t\tn++;\n\treturn n;\n}\n",
    );
    write("Documentation/example.c", "int put(void *p) { return get(1) == p; }\n");
}

fn compile(root: &Path, arguments: &[&str]) {
    let mut gcc = Command::new("gcc");
    let status = gcc.current_dir(root).args(arguments).status().expect("gcc starts");
    assert!(status.success(), "gcc {arguments:?}");
}

fn linux(path: &Path, args: &[&str]) -> Value {
    let path = path.to_str().expect("text");
    json(["graph", "--format", "json", "--linux", path].iter().chain(args))
}

#[test]
fn a_tree_of_sources_and_one_of_objects() {
    let dir = tempfile::tempdir().expect("a directory");
    tree(dir.path());
    let graph = linux(dir.path(), &[]);
    check(&graph);
    assert_eq!(graph["nodes"], serde_json::json!(["fs", "lib", "mm"]));
    assert_eq!(graph["edges"].as_array().map(Vec::len), Some(2));
    let sites = |graph: &Value, to: &str| edge(graph, "fs", to).map(|edge| number(&edge["sites"]));
    assert_eq!((sites(&graph, "mm"), sites(&graph, "lib")), (Some(3), Some(1)), "{graph}");

    for name in ["fs/read", "mm/slab", "lib/string"] {
        compile(dir.path(), &["-c", "-O1", "-o", &format!("{name}.o"), &format!("{name}.c")]);
    }
    // What was linked out of others counts nothing twice.
    compile(dir.path(), &["-r", "-nostdlib", "-o", "fs/all.o", "fs/read.o", "mm/slab.o"]);
    let graph = linux(dir.path(), &[]);
    check(&graph);
    assert!(graph["method"].as_str().expect("text").starts_with("object files"), "{graph}");
    assert_eq!((sites(&graph, "mm"), sites(&graph, "lib")), (Some(3), Some(1)), "{graph}");
    // `later`, a pointer to `put`.
    assert_eq!(edge(&graph, "fs", "mm").map(|edge| number(&edge["references"])), Some(1));
    let source = linux(dir.path(), &["--from", "source", "--exclude", "lib"]);
    assert_eq!((sites(&source, "mm"), sites(&source, "lib")), (Some(3), None), "{source}");

    let run = output(["graph", "--linux", dir.path().to_str().expect("text")]);
    assert!(errors(&run).contains(": 3 directories, 2 edges, 0.7 edges per node, 4 call sites\n"));
}

/// Links the tree as a kernel, with and without debugging information.
fn kernel(root: &Path) {
    tree(root);
    fs::create_dir_all(root.join("init")).expect("a directory");
    fs::create_dir_all(root.join("include")).expect("a directory");
    // Two copies of one call, which is one place; and a copy that calls.
    fs::write(
        root.join("include/round.h"),
        "#define INLINE static inline __attribute__((always_inline))\n\
         int length(const char *);\n\
         INLINE unsigned round_up(unsigned n)\n{\n\treturn (n + 63) & ~63u;\n}\n\
         INLINE unsigned room(const char *s)\n{\n\treturn length(s) + 1;\n}\n",
    )
    .expect("a file");
    fs::write(
        root.join("mm/round.c"),
        "#include \"../include/round.h\"\n\
         INLINE unsigned pages(unsigned n)\n{\n\treturn round_up(n) / 64;\n}\n\
         unsigned both(unsigned a, unsigned b)\n{\n\treturn pages(a) * pages(b);\n}\n\
         unsigned name(const char *s)\n{\n\treturn room(s);\n}\n",
    )
    .expect("a file");
    fs::write(
        root.join("init/main.c"),
        "int fs_read(int);\nvoid _start(void)\n{\n\tfs_read(1);\n\tfor (;;)\n\t\t;\n}\n",
    )
    .expect("a file");
    for (name, flag) in [("vmlinux", "-g"), ("bare", "-g0")] {
        let sources = ["init/main.c", "fs/read.c", "mm/slab.c", "mm/round.c", "lib/string.c"];
        let flags = ["-O1", "-fno-inline", "-nostdlib", "-static", "-no-pie", flag, "-o", name];
        compile(root, &[&flags[..], &sources].concat());
    }
}

#[test]
fn a_linked_kernel() {
    let dir = tempfile::tempdir().expect("a directory");
    kernel(dir.path());
    let graph = linux(&dir.path().join("vmlinux"), &[]);
    check(&graph);
    let sites = |from, to| edge(&graph, from, to).map(|edge| number(&edge["sites"]));
    assert_eq!(sites("fs", "mm"), Some(3), "{graph}");
    assert_eq!((sites("fs", "lib"), sites("init", "fs")), (Some(1), Some(1)), "{graph}");
    let inlined = edge(&graph, "mm", "include").expect("what was inlined");
    assert_eq!((number(&inlined["sites"]), number(&inlined["inlined"])), (2, 3), "{graph}");
    // The call in the copy is that of the function that was copied.
    assert_eq!((sites("include", "lib"), sites("mm", "lib")), (Some(1), None), "{graph}");
    assert_eq!(graph["edges"].as_array().map(Vec::len), Some(5), "{graph}");
}

#[test]
fn what_is_no_linux_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path();
    kernel(root);
    fs::create_dir(root.join("empty")).expect("a directory");
    fs::write(root.join("text"), "hello").expect("a file");
    fs::create_dir_all(root.join("objects/mm")).expect("a directory");
    fs::write(root.join("objects/mm/a.o"), b"\x7fELF\x02\x01\x01").expect("a file");
    compile(root, &["-c", "-g", "-o", "one.o", "lib/string.c"]);
    let flags = ["-g", "-nostdlib", "-static", "-Wl,-e,length", "-o", "program"];
    compile(root, &[&flags[..], &["lib/string.c"]].concat());
    compile(
        root,
        &["-g", "-gz", "-nostdlib", "-static", "-Wl,-e,length", "-o", "packed", "lib/string.c"],
    );
    for (name, args, want) in [
        ("missing", &[][..], "give a vmlinux, or a tree of Linux"),
        ("text", &[], "give a vmlinux (an ELF file, not a bzImage) or a tree"),
        ("bare", &[], "build it with CONFIG_DEBUG_INFO_DWARF4=y"),
        ("one.o", &[], "not linked"),
        ("program", &[], "nothing in it is from init/main.c"),
        ("packed", &[], "objcopy --decompress-debug-sections"),
        ("empty", &[], "give the top of a tree of Linux"),
        ("mm", &[], "give the top of a tree of Linux"),
        ("empty", &["--from", "objects"], "no object files"),
        ("objects", &[], "a damaged object file"),
        ("vmlinux", &["--from", "source"], "--from is for trees"),
    ] {
        let path = root.join(name);
        let command = ["graph", "--linux", path.to_str().expect("text")];
        let run = output(command.iter().chain(args));
        let text = errors(&run);
        assert_eq!(run.status.code(), Some(2), "{name}: {text}");
        assert!(text.starts_with("error: ") && text.contains(want), "{name}: {text}");
        assert!(text.contains(path.to_str().expect("text")), "{name}: {text}");
    }
    let both = output(["graph", "apps/hello", "--linux", "."]);
    assert_eq!(both.status.code(), Some(2));
    assert_eq!(output(["graph"]).status.code(), Some(2));
}

#[test]
fn damaged_files_end_in_a_graph_or_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    kernel(dir.path());
    let whole = fs::read(dir.path().join("vmlinux")).expect("the kernel");
    let path = dir.path().join("damaged");
    let mut random = 1u64;
    for round in 0..60 {
        let mut bytes = whole.clone();
        for _ in 0..=round / 4 {
            // Knuth's MMIX.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (random >> 33) as usize % bytes.len();
            bytes[at] = (random >> 24) as u8;
        }
        if round % 3 == 0 {
            bytes.truncate(whole.len() * round / 60);
        }
        fs::write(&path, &bytes).expect("a file");
        let run = output(["graph", "--linux", path.to_str().expect("text")]);
        let code = run.status.code();
        assert!(code == Some(0) || code == Some(2), "round {round}: {code:?} {}", errors(&run));
    }
}
