//! What others compute from the same files: Linux's own `conf` over Linux's own tree, `conf` over
//! trees made at random and one for each feature of the language, and kconfiglib over the same.
//!
//! A missing tool is an error; `unilith test` installs them.

mod conf;
mod corpus;
mod generator;
mod kconfiglib;
mod linux;
mod random_trees;
