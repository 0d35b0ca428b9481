//! Whom a thread goes before.

/// What share of the processor a thread gets, or before whom it runs. The terms are those of
/// sched(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// It shares the processor with its like. From -20 to 19: one less is about a quarter more of it.
    Fair(i8),
    /// It runs when nobody else wants to, about.
    Idle,
    /// From 1 to 99: before all that are less, until it waits. Of its equals, who came first.
    Fifo(u8),
    /// The same, but in turn with its equals.
    RoundRobin(u8),
}

impl Default for Priority {
    fn default() -> Self {
        Self::Fair(0)
    }
}
