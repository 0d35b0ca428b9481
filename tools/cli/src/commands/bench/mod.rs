//! `unilith bench`

mod boot;

use crate::args::{Bench, BenchWhat};
use crate::error::Result;

pub fn bench(args: &Bench) -> Result {
    match args.what {
        BenchWhat::Boot => boot::boot(args),
    }
}
