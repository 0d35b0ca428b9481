//! What an image forbids ends in a symbolised report and the right status.

use unilith_harness::{Ended, Guest};

const CRASHED: i32 = 134;

fn fault(plat: &str, name: &str) -> Ended {
    Guest::new("tests/guests/faults").options(["-p", plat]).args([name]).run()
}

/// On the virtual machine: the exception as reported, and the functions of the backtrace.
#[test]
fn qemu_reports_every_fault() {
    let cases: [(&str, &[&str]); 10] = [
        ("write-text", &["page fault writing to ", "the page forbids it", "write_text at"]),
        ("write-constant", &["page fault writing to ", "the page forbids it", "write_constant at"]),
        (
            "write-text-directly",
            &["page fault writing to 0xffff8000", "the page forbids it", "write_text_directly at"],
        ),
        ("execute-data", &["page fault executing ", "the page forbids it", "execute_data at"]),
        ("execute-stack", &["page fault executing ", "the page forbids it", "execute_stack at"]),
        ("call-null", &["page fault executing 0x0 (null pointer", "call_null at"]),
        ("read-null", &["page fault reading 0x8 (null pointer", "read_null at"]),
        ("overflow-stack", &["stack overflow", "overflow_more at"]),
        ("invalid-opcode", &["invalid opcode", "invalid_opcode at"]),
        ("panic", &["panicked at", "as asked", "panics at"]),
    ];
    for (name, texts) in cases {
        let ended = fault("qemu", name);
        ended.expect_status(CRASHED).expect_stdout("").expect_stderr(texts);
        // The caller is in every backtrace but that of an endless recursion.
        if name != "overflow-stack" {
            ended.expect_stderr(&["backtrace:", "main at tests/guests/faults/src/lib.rs:"]);
        }
    }
}

/// As a process: the host's pages forbid the same.
#[test]
fn linux_reports_every_fault() {
    let cases: [(&str, &[&str]); 9] = [
        ("write-text", &["segmentation fault", "write_text at"]),
        ("write-constant", &["segmentation fault", "write_constant at"]),
        ("execute-data", &["segmentation fault", "execute_data at"]),
        ("execute-stack", &["segmentation fault", "execute_stack at"]),
        ("call-null", &["segmentation fault, address 0x0", "call_null at"]),
        ("read-null", &["segmentation fault, address 0x8", "read_null at"]),
        ("overflow-stack", &["segmentation fault", "overflow_more at"]),
        ("invalid-opcode", &["invalid opcode", "invalid_opcode at"]),
        ("panic", &["panicked at", "as asked", "panics at"]),
    ];
    for (name, texts) in cases {
        fault("linux", name).expect_status(CRASHED).expect_stdout("").expect_stderr(texts);
    }
}

/// A report that nobody asked for would be a defect too.
#[test]
fn an_unknown_fault_is_an_ordinary_error() {
    for plat in unilith_harness::PLATFORMS {
        fault(plat, "none").expect_status(2).expect_stderr(&["faults: no such fault: none"]);
    }
}
