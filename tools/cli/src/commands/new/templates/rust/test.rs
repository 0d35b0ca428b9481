//! What can be tested without a machine.

use @CRATE@::Greeting;

// A machine that has nothing, for what prints.
unilith_platform::bind!(unilith_fakes::Platform);

#[test]
fn a_greeting_says_who_greets() {
    assert_eq!(Greeting { from: "here" }.to_string(), "Hello from here!");
}

#[test]
fn it_succeeds() {
    assert_eq!(@CRATE@::main(), 0);
}
