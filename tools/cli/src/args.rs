//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Composes an operating system out of small libraries, just for one application.
///
/// Hand it an application, and it builds one image out of that application and the libraries
/// that its configuration selects, and runs it in a virtual machine.
#[derive(Parser)]
#[command(
    name = "unilith",
    version,
    after_help = "Examples:
  unilith run apps/hello                         a native application
  unilith run /bin/busybox -- echo hello         an unmodified static Linux program
  unilith run $(which redis-server) --publish 6379:6379 -- --protected-mode no
  unilith new app mine                           an application of your own, to start from
  unilith size apps/hello                        bytes of the image, by library
  unilith config set apps/hello HEAP_TLSF=y      what the image contains
  unilith COMMAND --help                         more about a command"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Build the image of an application
    Build(Build),
    /// Build an application if needed, and run it
    Run(Box<Run>),
    /// Start an application or a micro-library of your own
    New(New),
    /// List the micro-libraries that there are, by family
    Libs(Libs),
    /// Show and change the configuration of an application
    Config(Config),
    /// Change the configuration of an application in a menu
    Menu(Menu),
    /// Work with any tree of Kconfig files, as Linux's `conf` does
    Kconfig(Kconfig),
    /// Draw which library of an image calls which, and from how many places
    Graph(Graph),
    /// Show the bytes of an image by micro-library and symbol, and compare
    Size(Size),
    /// Say what this machine has, and how to get what it lacks
    Doctor(Doctor),
    /// Check everything that the project checks
    Test(Test),
    /// Measure
    Bench(Bench),
}

/// Which image.
#[derive(Args, Clone)]
pub struct Target {
    /// A directory with unilith.toml, or a Linux program (an x86-64 ELF, or a script)
    pub app: PathBuf,
    #[command(flatten)]
    pub options: Options,
}

/// What an image is configured with, apart from its application's own configuration.
#[derive(Args, Clone)]
pub struct Options {
    /// The platform [default: the application's, else qemu]
    #[arg(short, long)]
    pub plat: Option<Platform>,
    /// Set a configuration symbol for this image only
    #[arg(long = "set", value_name = "SYM=VAL")]
    pub set: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// A virtual machine of QEMU
    Qemu,
    /// An ordinary process of this Linux
    Linux,
}

impl Platform {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Qemu => "PLAT_QEMU",
            Self::Linux => "PLAT_LINUX",
        }
    }

    /// The configuration's name for it: the value of PLATFORM.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Linux => "linux",
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith build apps/hello                     prints the image's path
  unilith build apps/hello -p linux            the same as a process of this Linux
  unilith build apps/hello --set DEBUG=y --json

The image, its debugging twin and the crate that it was made from are in build/; an image whose
sources and configuration have not changed is not made again.")]
pub struct Build {
    #[command(flatten)]
    pub target: Target,
    /// Print the image, its debugging twin, its size and its symbols as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Machine {
    /// The smallest and fastest: no PCI, no ACPI
    Microvm,
    /// An i440FX: the PC of 1996
    Pc,
    /// A Q35: PCI Express
    Q35,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Trace {
    /// Every system call of a Linux program
    Syscalls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Accel {
    /// KVM where it is usable, else translation
    Auto,
    /// Translation: everywhere, slowly
    Tcg,
    /// The processor's virtualisation
    Kvm,
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith run apps/hello
  unilith run apps/hello -m 2 --machine q35 --timing
  unilith run --trace syscalls /bin/busybox --rootfs DIR -- cat /file
  unilith run /bin/busybox --rootfs DIR -- sha256sum /file
  unilith run $(which redis-server) --publish 6379:6379 -- --protected-mode no
  unilith run $(which python3) --include /usr/lib/python3.11 -- -c 'print(42)'
  unilith run $(which sqlite3) -v ./data:/data -- /data/my.db 'select 1'
  sh -c \"$(unilith run -q apps/hello --dry-run)\"

A dynamic program's linker and libraries, and the files that its C library reads, are found on this
machine as ld.so finds them, unless --rootfs has a linker of its own.

Without --plat this runs in QEMU, which is installed if it is missing and can be, else as a process
of this Linux (-p linux).

Ctrl-C and SIGTERM are the guest's, to end in order; at the second one, or after 5 s, the machine is
ended.

Exit status: the application's own (128 + the signal's number if its own fault or a signal ended it,
as 139 for a wild pointer); 134 if the image crashed, 124 after --timeout, 130 or 143 if a signal had
to end it, 141 if nobody reads the output any more, 2 if what was asked for makes no sense, 1 if it
failed otherwise.")]
pub struct Run {
    #[command(flatten)]
    pub target: Target,
    /// The machine type of a virtual machine
    #[arg(long, default_value = "microvm")]
    pub machine: Machine,
    /// Memory of the machine, in MiB [default: the application's, else what the image and its root
    /// file system need]
    #[arg(short, long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub memory: Option<u64>,
    /// How a virtual machine runs the guest's instructions
    #[arg(long, default_value = "auto")]
    pub accel: Accel,
    /// The root file system: a directory, a cpio (newc) or a tar archive
    #[arg(long, value_name = "DIR|CPIO|TAR")]
    pub rootfs: Option<PathBuf>,
    /// Put a file or directory of this machine into the root file system
    #[arg(long, value_name = "PATH[:GUESTPATH]")]
    pub include: Vec<String>,
    /// The network of a virtual machine: user, tap=IFNAME or none [default: user if the image has
    /// a driver for it]
    #[arg(long, value_name = "NET")]
    pub net: Option<String>,
    /// Lead a port of this machine (at 127.0.0.1 if no IP is given) to a port of the guest, in
    /// place of what the application says for that port
    #[arg(long, value_name = "[IP:]HOST:GUEST[/udp]")]
    pub publish: Vec<String>,
    /// The guest's address on a TAP interface [default: it asks by DHCP]
    #[arg(long, value_name = "ADDR/LEN")]
    pub ip: Option<String>,
    /// The router on a TAP interface
    #[arg(long, value_name = "ADDR", requires = "ip")]
    pub gateway: Option<Ipv4Addr>,
    /// Mount a directory of this machine in the guest
    #[arg(short, long = "volume", value_name = "DIR:GUESTPATH[:ro]")]
    pub volume: Vec<String>,
    /// Set an environment variable of the application
    #[arg(short, long = "env", value_name = "K=V")]
    pub env: Vec<OsString>,
    /// End the run after this many seconds, with exit status 124
    #[arg(long, value_name = "SECS")]
    pub timeout: Option<f64>,
    /// Have a translated machine's time pass by its instructions alone, 2^N ns for each, and jump
    /// ahead when it waits: every run is the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=10))]
    pub icount: Option<u8>,
    /// Show how long each step of the boot took
    #[arg(long)]
    pub timing: bool,
    /// Print what the application does to standard error: its system calls, as strace does
    #[arg(long, value_name = "WHAT")]
    pub trace: Option<Trace>,
    /// Build, print the command that starts the image with a plain console, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Do not say which platform was chosen, and what the root image has
    #[arg(short, long)]
    pub quiet: bool,
    /// Arguments of the application
    #[arg(last = true)]
    pub args: Vec<OsString>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith new app mine                         a native application, in Rust
  unilith new app mine --kind c                a Linux program in C
  unilith new lib net/mdns                     a micro-library, lib/net/mdns")]
pub struct New {
    #[command(subcommand)]
    pub command: NewCommand,
}

#[derive(Subcommand)]
pub enum NewCommand {
    /// Make an application that runs at once, to start from
    #[command(after_help = "Examples:
  unilith new app mine
  unilith new app mine --kind c --path ~/mine
  unilith new app mine --kind elf
  unilith new app cache --kind elf --program redis-server -- --save ''

It is made in apps/NAME if you are in the checkout of Unilith, else in ./NAME, and belongs to you:
Unilith reads it and never changes it, except by `unilith config set`. What can stand in its
unilith.toml: docs/applications.md.")]
    App(NewApp),
    /// Make a micro-library that can be selected at once, to start from
    #[command(after_help = "Examples:
  unilith new lib net/mdns

makes lib/net/mdns: the package unilith-mdns, selected by the symbol NET_MDNS, with a test that runs
on this machine. A family that is new is made with its first library.")]
    Lib(NewLib),
}

#[derive(Args)]
pub struct NewApp {
    /// Its name: lower-case letters, digits and hyphens
    pub name: String,
    /// What it is made of
    #[arg(long, default_value = "rust")]
    pub kind: NewKind,
    /// Its directory [default: apps/NAME in the checkout, else ./NAME]
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// elf: the program, a path or a name that is looked up [default: /bin/busybox]
    #[arg(long, value_name = "PROGRAM")]
    pub program: Option<PathBuf>,
    /// elf: arguments of the program
    #[arg(last = true)]
    pub args: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NewKind {
    /// A Rust crate, linked with the libraries into one image
    Rust,
    /// A Linux program that this machine has, unmodified
    Elf,
    /// C sources that the compiler of this machine makes a Linux program of
    C,
}

#[derive(Args)]
pub struct NewLib {
    /// Where it will be in lib/: lower-case letters, digits and hyphens
    #[arg(value_name = "FAMILY/NAME")]
    pub name: String,
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith libs
  unilith libs --family lib/net                or just: --family net
  unilith libs apps/hello                      what its image contains
  unilith libs --json | jq -r '.[].library'

Libraries stand below their family, which is the directory that they are in; external ones are in
ext/. Columns: the name, the symbol that selects it (- for an interface between libraries, which
nobody selects) and what it is. With an application:
  * selected
  - comes with what is selected
and the bytes of the last build, if that was in the same configuration. Nothing is built.")]
pub struct Libs {
    /// Show which of them the image of this application contains
    pub app: Option<PathBuf>,
    /// Only the libraries of this family
    #[arg(long, value_name = "FAMILY")]
    pub family: Option<String>,
    #[command(flatten)]
    pub options: Options,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith config show apps/hello
  unilith config get apps/hello HEAP_CHUNK --set HEAP_TLSF=y
  unilith config set apps/hello HEAP_TLSF=y HEAP_CHUNK=128
  unilith config explain apps/hello NET_INET   what would turn it on?
  unilith config diff apps/redis apps/nginx")]
pub struct Config {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print the whole configuration of an application
    #[command(after_help = "Examples:
  unilith config show apps/hello > hello.config
  unilith config show apps/hello --json | jq .HEAP_CHUNK")]
    Show {
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the value of one symbol
    #[command(after_help = "Examples:
  unilith config get apps/hello PLATFORM
  unilith config get apps/hello PRINT --json   with its type, help text and why it has this value")]
    Get {
        #[command(flatten)]
        target: Target,
        /// The symbol, with or without CONFIG_
        symbol: String,
        /// As JSON, with the symbol's description and why it has this value
        #[arg(long)]
        json: bool,
    },
    /// Write symbols into the application's unilith.toml
    #[command(after_help = "Examples:
  unilith config set apps/hello HEAP_TLSF=y HEAP_CHUNK=128
  unilith config set apps/hello PRINT=n

The rest of the file stays as it is. What cannot hold is refused, with the reason.")]
    Set {
        /// The application's directory
        app: PathBuf,
        /// What to set
        #[arg(required = true, value_name = "SYM=VAL")]
        assignments: Vec<String>,
    },
    /// Take symbols out of the application's unilith.toml
    #[command(after_help = "Examples:
  unilith config unset apps/hello HEAP_CHUNK

The profile's values count again, or the defaults.")]
    Unset {
        /// The application's directory
        app: PathBuf,
        /// The symbols, with or without CONFIG_
        #[arg(required = true, value_name = "SYM")]
        symbols: Vec<String>,
    },
    /// Say why a symbol has its value, and what would turn it on
    #[command(after_help = "Examples:
  unilith config explain apps/hello PRINT
  unilith config explain apps/hello NET_INET   the shortest set of changes that turns it on")]
    Explain {
        #[command(flatten)]
        target: Target,
        /// The symbol, with or without CONFIG_
        symbol: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what differs from the defaults, or from another configuration
    #[command(after_help = "Examples:
  unilith config diff apps/hello               from the defaults
  unilith config diff apps/redis apps/nginx    from another application's
  unilith config diff apps/hello old.config    from what a file says")]
    Diff {
        #[command(flatten)]
        target: Target,
        /// An application, or a file whose name ends in .config
        other: Option<PathBuf>,
        /// As JSON: the symbols with both values
        #[arg(long)]
        json: bool,
    },
    /// Print the configuration of which nobody says anything
    Defaults {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the fewest assignments that make the configuration
    #[command(after_help = "Examples:
  unilith config save-min apps/redis > profiles/mine.config")]
    SaveMin {
        #[command(flatten)]
        target: Target,
    },
    /// Check that everything that the application asks for holds
    #[command(after_help = "Examples:
  unilith config validate apps/redis
  unilith config validate apps/hello --set NET_INET=y")]
    Validate {
        #[command(flatten)]
        target: Target,
    },
    /// List the profiles, from which configurations start
    #[command(after_help = "Examples:
  unilith config profiles

An application takes one by `profile = \"NAME\"` in its unilith.toml.")]
    Profiles {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith menu apps/hello
  cd apps/hello && unilith menu
  unilith kconfig menu --kconfig Kconfig       the same for any tree, and a .config

What is changed is written into the application's unilith.toml, as by `unilith config set`; the rest
of the file stays as it is. Below the list stands which libraries a change pulls in and drops.

Keys are those of Linux's menuconfig:
  Up, Down, Page Up, Page Down, Home, End      select a line
  Enter        opens a menu or a value         Space     toggles
  y n m        set                             /         searches names and prompts, and jumps
  ? h          help                            Esc Esc   goes back, and ends in the main menu
  u            takes back what was set         z         shows hidden entries
  p            opens, closes the consequences  c         shows all of them
  s o q        save, load, end                 Tab, Left, Right choose what Enter does
A click selects, on the mark it toggles, on the selected line it opens; the wheel scrolls.

Exit status 130 after Ctrl-C, with which changes are lost; it asks first if there are some.")]
pub struct Menu {
    /// The application's directory [default: this directory]
    pub app: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith kconfig alldefconfig --kconfig Kconfig --out -
  unilith kconfig olddefconfig --kconfig Kconfig --config old.config --out new.config
  unilith kconfig savedefconfig --kconfig Kconfig --config .config --out defconfig
  unilith kconfig randconfig --kconfig Kconfig --seed 42
  unilith kconfig explain HEAP_TLSF --kconfig Kconfig
  unilith kconfig menu --kconfig Kconfig --config old.config --out .config
  unilith kconfig alldefconfig --kconfig Kconfig -D ARCH=x86 -D SRCARCH=x86 --shell-cache answers

Files are those that Linux's `conf` writes, byte for byte. Of its environment these count:
  KCONFIG_CONFIG         the configuration file, read and written [default: .config]
  KCONFIG_ALLCONFIG      all...config and randconfig: values to start from; a file, or `1` for
                         allno.config, allyes.config, ... or all.config
  KCONFIG_DEFCONFIG_LIST files to read if there is no configuration file
  KCONFIG_SEED, KCONFIG_PROBABILITY
                         randconfig; a seed gives what it gives under Linux with glibc
  KCONFIG_WERROR         warnings about the configuration are errors
  srctree                where sourced files are, unless --srctree says it
Macros and the commands that they run see the whole environment. include/config and
include/generated are not written.")]
pub struct Kconfig {
    /// What to do
    #[arg(value_name = "CMD")]
    pub command: KconfigCommand,
    /// explain: the symbol, with or without CONFIG_
    #[arg(value_name = "SYM", required_if_eq("command", "explain"))]
    pub symbol: Option<String>,
    /// The first file of the tree
    #[arg(long, value_name = "FILE")]
    pub kconfig: PathBuf,
    /// The directory that sourced files are in [default: $srctree, else that of the first file]
    #[arg(long, value_name = "DIR")]
    pub srctree: Option<PathBuf>,
    /// The configuration to read [default: $KCONFIG_CONFIG, else .config]; for all...config and
    /// randconfig, values to start from [default: none]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The file to write; - is standard output [default: $KCONFIG_CONFIG, else .config; defconfig
    /// for savedefconfig; - for listnewconfig and explain]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Set a variable of the environment for macros
    #[arg(short = 'D', value_name = "VAR=VALUE")]
    pub define: Vec<String>,
    /// randconfig: where the random numbers start [default: $KCONFIG_SEED, else the time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
    /// Keep the answers of $(shell,...) in this file, by command and environment; remove it when
    /// the tools that they ask change
    #[arg(long, value_name = "FILE")]
    pub shell_cache: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub enum KconfigCommand {
    /// All n that can be
    AllNoConfig,
    /// All defaults
    AllDefConfig,
    /// All y that can be
    AllYesConfig,
    /// All m that can be
    AllModConfig,
    /// A configuration, and defaults for what it does not say
    OldDefConfig,
    /// What a configuration says beyond the defaults
    SaveDefConfig,
    /// The symbols that a configuration says nothing of
    ListNewConfig,
    /// Random values
    RandConfig,
    /// A menu on the terminal; its keys are in `unilith menu --help`
    Menu,
    /// Why a symbol has its value
    Explain,
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith graph apps/hello | dot -Tpng > hello.png
  unilith graph apps/httpd --format svg -o httpd.svg
  unilith graph apps/httpd --format json | jq .summary
  unilith graph apps/httpd --exclude core,alloc
  unilith graph --linux linux-6.1 --exclude drivers,sound   by directory, from its sources
  unilith graph --linux linux-6.1/vmlinux                   from what was linked

An edge leads from the caller. It counts the places of the source that call, be it that a call
instruction is left of them or a copy of the function; JSON has both apart, and the addresses that
are taken. The numbers of the whole graph are in a line on standard error. docs/graph.md says more,
and compares.")]
pub struct Graph {
    /// A directory with unilith.toml, or a Linux program (an x86-64 ELF, or a script)
    #[arg(required_unless_present = "linux")]
    pub app: Option<PathBuf>,
    #[command(flatten)]
    pub options: Options,
    /// Instead of an image, the same of Linux by top-level directory: a vmlinux with debugging
    /// information, a tree that was built, or its sources
    #[arg(long, value_name = "PATH", conflicts_with_all = ["app", "plat", "set", "written"])]
    pub linux: Option<PathBuf>,
    /// What of a tree of Linux is looked at [default: objects, if there are any]
    #[arg(long, value_name = "WHAT", requires = "linux")]
    pub from: Option<GraphFrom>,
    /// Show what the selected libraries are written against, from their manifests; builds nothing
    #[arg(long)]
    pub written: bool,
    /// Leave these nodes out
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub exclude: Vec<String>,
    /// The output's language
    #[arg(long, default_value = "dot")]
    pub format: GraphFormat,
    /// How svg is laid out [default: layers if there is graphviz and the graph has at most 5 edges
    /// per node, else ring]
    #[arg(long)]
    pub layout: Option<GraphLayout>,
    /// Write to this file instead of standard output
    #[arg(short, long)]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphLayout {
    /// Callers above what they call; by graphviz
    Layers,
    /// On a ring
    Ring,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFrom {
    /// C and assembly sources: every configuration for x86
    Source,
    /// Object files: what was configured
    Objects,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    Dot,
    Svg,
    Json,
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith size apps/hello
  unilith size apps/httpd --top 20                 the largest symbols
  unilith size apps/httpd --tree-map httpd.svg
  unilith size apps/httpd --compare apps/hello     what makes the difference?
  unilith size apps/hello --json > before.json     ... and after a change:
  unilith size apps/hello --compare before.json --top 20
  unilith size apps/hello --set PANIC_REPORT=y --compare before.json

The rows add up to the bytes of the image file. What no symbol names (constants, headers, padding)
has a row of its own.")]
pub struct Size {
    #[command(flatten)]
    pub target: Target,
    /// List the N largest symbols, or differences of symbols
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub top: Option<u32>,
    /// List all symbols
    #[arg(long, conflicts_with = "top")]
    pub symbols: bool,
    /// Show what differs from another image: an application (with the same options), an image that
    /// was built, or what `unilith size --json` wrote
    #[arg(long, value_name = "OTHER")]
    pub compare: Option<PathBuf>,
    /// Also draw libraries and symbols, as large as they are
    #[arg(long, value_name = "FILE.svg")]
    pub tree_map: Option<PathBuf>,
    /// As JSON: libraries and symbols
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith doctor
  unilith doctor --json | jq '.[] | select(.ok | not)'

Exit status 1 if something is missing without which nothing works.")]
pub struct Doctor {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith test
  unilith test kconfig
  unilith test --nightly

Missing system packages are installed first, if that is allowed (UNILITH_NO_INSTALL=1 forbids it).")]
pub struct Test {
    /// Only the tests whose name contains this
    pub filter: Option<String>,
    /// Also the tests that take half an hour and more
    #[arg(long)]
    pub nightly: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  unilith bench boot
  unilith bench boot --runs 51 --json
  unilith bench apps
  unilith bench apps --app redis --only linux --runs 1 --requests 2000

`apps` runs each application on Unilith and on Debian's cloud kernel, in turn, in the same QEMU on
the same network: a TAP interface in a network namespace of its own as root, else QEMU's own.")]
pub struct Bench {
    /// What to measure
    #[arg(default_value = "boot")]
    pub what: BenchWhat,
    /// Runs of each command [default: 21 of boot, 3 of apps]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: Option<u32>,
    /// apps: measure this application only
    #[arg(long, value_name = "NAME")]
    pub app: Option<String>,
    /// apps: measure one side only
    #[arg(long)]
    pub only: Option<Side>,
    /// apps: requests of each load
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..))]
    pub requests: u32,
    /// Print the JSON that is also written to the file
    #[arg(long)]
    pub json: bool,
    /// Write to this file instead of bench/results/
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchWhat {
    /// Image size, memory, time and instructions of a boot
    Boot,
    /// Requests, instructions of each, boot to first answer, memory and image, beside Linux
    Apps,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Side {
    Unilith,
    Linux,
}
