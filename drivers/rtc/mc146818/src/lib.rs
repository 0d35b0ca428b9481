//! The real-time clock of PC-compatible machines (Motorola MC146818A data sheet), read only.
#![no_std]
#![forbid(unsafe_code)]

/// The clock's registers.
pub trait Registers {
    /// Reads register `number`.
    fn read(&self, number: u8) -> u8;
}

/// Seconds, minutes, hours, day of the month, month, year of the century.
const TIME: [u8; 6] = [0, 2, 4, 7, 8, 9];
const STATUS_A: u8 = 10;
const STATUS_B: u8 = 11;
/// Status A: the time is changing.
const UPDATE: u8 = 0x80;
/// Status B: numbers are binary, not BCD.
const BINARY: u8 = 0b100;
/// Status B: hours count to 23.
const HOURS_24: u8 = 0b10;
/// Hours: the afternoon, in 12-hour mode.
const AFTERNOON: u8 = 0x80;
/// How often the clock is read until it stands still: it may be broken or absent.
const PATIENCE: usize = 100_000;

/// Seconds since the Unix epoch; the clock is taken to run in UTC, in this century.
pub fn seconds(clock: &impl Registers) -> u64 {
    let sample = || TIME.map(|register| clock.read(register));
    let mut now = sample();
    for _ in 0..PATIENCE {
        let updating = clock.read(STATUS_A) & UPDATE != 0;
        let again = sample();
        if !updating && again == now {
            break;
        }
        now = again;
    }
    let mode = clock.read(STATUS_B);
    let twelve_hours = mode & HOURS_24 == 0;
    let afternoon = twelve_hours && now[2] & AFTERNOON != 0;
    if twelve_hours {
        now[2] &= !AFTERNOON;
    }
    let [second, minute, mut hour, day, month, year] = now.map(|raw| {
        u64::from(if mode & BINARY == 0 {
            (raw >> 4) as u16 * 10 + (raw & 15) as u16
        } else {
            raw.into()
        })
    });
    if twelve_hours {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    days_since_epoch(2000 + year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, by counting years from March.
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day;
    days.saturating_sub(719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed([u8; 6], u8);

    impl Registers for Fixed {
        fn read(&self, number: u8) -> u8 {
            match number {
                STATUS_A => 0,
                STATUS_B => self.1,
                _ => TIME.iter().position(|&r| r == number).map_or(0xff, |i| self.0[i]),
            }
        }
    }

    #[test]
    fn dates_become_days() {
        assert_eq!(days_since_epoch(1970, 1, 1), 0);
        assert_eq!(days_since_epoch(2000, 2, 29), 11_016);
        assert_eq!(days_since_epoch(2000, 3, 1), 11_017);
        assert_eq!(days_since_epoch(2024, 12, 31), 20_088);
        assert_eq!(days_since_epoch(2099, 12, 31), 47_481);
    }

    #[test]
    fn every_mode_tells_the_same_time() {
        let afternoon = 1_709_213_445; // 2024-02-29 13:30:45 UTC
        let binary = [45, 30, 13, 29, 2, 24];
        let bcd = [0x45, 0x30, 0x13, 0x29, 0x02, 0x24];
        assert_eq!(seconds(&Fixed(binary, BINARY | HOURS_24)), afternoon);
        assert_eq!(seconds(&Fixed(bcd, HOURS_24)), afternoon);
        assert_eq!(seconds(&Fixed([0x45, 0x30, 0x81, 0x29, 0x02, 0x24], 0)), afternoon);
    }

    #[test]
    fn an_absent_clock_neither_panics_nor_hangs() {
        struct Absent;
        impl Registers for Absent {
            fn read(&self, _: u8) -> u8 {
                0xff
            }
        }
        seconds(&Absent);
    }
}
