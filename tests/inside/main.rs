//! The daemon inside the test: the real client library on a socket of its own, scenario files, a clock that the test turns.

mod administrator;
mod api;
mod api_requests;
mod api_status;
mod api_trust;
mod api_watch;
mod auth_refresh_clock;
mod broker_time;
mod clock;
mod daemon;
mod login_policy;
mod modes;
mod op_clock;
mod reconnect;
mod reload;
mod scenarios;
mod short_of_life;
