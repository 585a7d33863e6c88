//! Folders, ports and seeds of a run.

use std::env;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::OnceLock;

/// Below the range from which systems give ports to outgoing connections, so that none of the
/// many that tests open takes a port between the choice and the bind.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// The seed of this run: `SLUICEGATE_SEED`, else a random one. Everything random in a test comes
/// from it, so a report's seed replays the failure.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let given = env::var("SLUICEGATE_SEED")
            .ok()
            .and_then(|text| text.parse().ok());
        given.unwrap_or_else(|| fastrand::Rng::new().u64(..))
    })
}

/// A new folder under the system's folder for temporary files.
///
/// # Errors
///
/// When it cannot be made.
pub fn scratch_folder(name: &str) -> io::Result<PathBuf> {
    let random = fastrand::Rng::new().u64(..);
    let folder = env::temp_dir().join(format!("sluicegate-{name}-{random:016x}"));
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// An address of loopback where nothing listens now.
///
/// # Errors
///
/// When none of many tries finds one.
pub fn free_address() -> io::Result<SocketAddr> {
    let mut random = fastrand::Rng::new();
    for _ in 0..1_000 {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, random.u16(PORTS)));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        "no free port found",
    ))
}
