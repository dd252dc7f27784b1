//! Arbitrary contents of the pid file.

use super::directory::Directory;
use crate::os::pidfile::{PidFile, holder};
use std::path::Path;
use std::{fs, io, process};

/// The contents of a pid file, which decide nothing.
pub fn pid_file(data: &[u8]) {
    Directory::with(|directory| {
        ask(&directory.join("asked.pid"), data);
        take(&directory.join("taken.pid"), data);
    });
}

/// Nobody holds the file whatever it says; when somebody does, it says who, or nothing.
fn ask(path: &Path, data: &[u8]) {
    fs::write(path, data).expect("written");
    assert_eq!(holder(path).expect("readable"), None);
    let held = fs::File::open(path).expect("readable");
    held.try_lock().expect("free");
    let said = std::str::from_utf8(data).ok().and_then(|text| text.trim().parse::<i32>().ok());
    match holder(path) {
        Ok(pid) => assert!(pid == said && Some(0) < pid, "{pid:?} of {said:?}"),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::InvalidData),
    }
    fs::remove_file(path).expect("removed");
}

/// What is there does not matter to the next one who takes the file, and nothing is left of it.
fn take(path: &Path, data: &[u8]) {
    fs::write(path, data).expect("written");
    let mut taken = PidFile::acquire(path).expect("free");
    taken.write().expect("written");
    assert_eq!(fs::read_to_string(path).expect("text"), format!("{}\n", process::id()));
    let pid = holder(path).expect("readable").expect("held");
    assert_eq!(u32::try_from(pid), Ok(process::id()));
    taken.remove();
    assert!(!path.exists());
}
