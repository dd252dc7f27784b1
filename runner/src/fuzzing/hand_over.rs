//! Arbitrary texts handed over to an executed worker, or to another program.

use crate::master::read_legacy;
use crate::worker::read_parcel;

/// The text that a worker or a master is made from: it is that, or an error. Nothing is taken from it
/// before.
pub fn hand_over(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for read in [read_parcel, read_legacy] {
        if let Ok(written) = read(text) {
            assert_eq!(read(&written).as_ref(), Ok(&written), "it is read as it was written");
        }
    }
}
