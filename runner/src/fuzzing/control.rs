//! Arbitrary requests to the control socket.

use crate::control::protocol::Request;

/// A line that somebody has sent to the control socket: a request, or an error of one line.
pub fn control(data: &[u8]) {
    match Request::parse(data) {
        Ok(request) => {
            let line = request.line();
            assert_eq!(Request::parse(line.trim_end().as_bytes()), Ok(request), "{line}");
        }
        Err(error) => assert!(!error.is_empty() && !error.contains('\n'), "{error:?}"),
    }
}
