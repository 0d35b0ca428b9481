//! A web server (HTTP/1.1, RFC 9110 and RFC 9112) on the socket API: one event loop, which looks
//! only at connections where something happened; files that are sent from where the loader put
//! them; and nothing below but a network stack and a driver.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod connection;
pub mod order;
mod ready;
pub mod request;
pub mod server;
pub mod site;

use core::net::{Ipv4Addr, SocketAddr};
use unilith_net_api::Result;
use unilith_print::{eprintln, println};

/// Where it listens.
const ADDRESS: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 80);
/// Connections that may wait to be accepted.
const BACKLOG: usize = 512;

/// Called once the image has booted.
pub fn main() -> i32 {
    let site = match site::Site::load(unilith_platform::initrd()) {
        Ok(site) => site,
        Err(error) => {
            eprintln!("httpd: the files: {:?}", error);
            return 1;
        }
    };
    match listen() {
        Ok(server) => {
            println!("httpd: {} files at {}", site.len(), ADDRESS);
            server.run(&site)
        }
        Err(error) => {
            eprintln!("httpd: {}: {:?}", ADDRESS, error);
            1
        }
    }
}

fn listen() -> Result<server::Server> {
    let listener = unilith_net_api::tcp(false)?;
    listener.bind(ADDRESS, true)?;
    listener.listen(BACKLOG)?;
    Ok(server::Server::new(listener))
}
