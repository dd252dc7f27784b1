//! Arbitrary texts handed over to an executed worker.

use crate::worker::read_parcel;

/// The text that a worker is made from: it is that, or an error. Nothing is taken from it before.
pub fn hand_over(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(written) = read_parcel(text) {
        assert_eq!(read_parcel(&written).as_ref(), Ok(&written), "it is read as it was written");
    }
}
