//! Files for people and other programs agree with the code.

mod launchd;
mod listed;
mod readme;
