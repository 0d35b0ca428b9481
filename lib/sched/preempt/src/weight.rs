//! What a nice value is worth.

use unilith_sched_api::Priority;

/// The weight of nice value 0.
pub const UNIT: u64 = 1024;

/// That of SCHED_IDLE: a fifth of the least nice value's.
const IDLE: u64 = 3;

/// By nice value, from -20: each is 1.25 times the next.
const WEIGHTS: [u64; 40] = {
    let mut weights = [UNIT; 40];
    // With 16 more bits, so that rounding does not add up.
    let (mut up, mut down, mut i) = (UNIT << 16, UNIT << 16, 1);
    while i <= 20 {
        up = up * 5 / 4;
        weights[20 - i] = up >> 16;
        if i < 20 {
            down = down * 4 / 5;
            weights[20 + i] = down >> 16;
        }
        i += 1;
    }
    weights
};

/// The weight of a priority that is not a real-time one.
pub fn weight(priority: Priority) -> u64 {
    match priority {
        Priority::Fair(nice) => WEIGHTS[(nice.clamp(-20, 19) + 20) as usize],
        _ => IDLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_quarter() {
        assert_eq!(weight(Priority::Fair(0)), UNIT);
        for nice in -20..19 {
            let (this, next) = (weight(Priority::Fair(nice)), weight(Priority::Fair(nice + 1)));
            assert!(this * 4 / 5 <= next + 1 && next <= this * 4 / 5 + 1, "{nice}: {this}, {next}");
        }
        assert!(weight(Priority::Idle) < weight(Priority::Fair(19)));
    }
}
