//! A page of memory that two processes share.

use rustix::fs::{
    MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create,
};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

/// The size of the memory in bytes. Where pages are larger, the rest of the page stays unused.
const SIZE: usize = 4096;

/// How many numbers there is room for.
pub(crate) const WORDS: usize = SIZE / size_of::<AtomicU64>();

/// Nobody may change the size, not even who else has the descriptor: memory that is mapped but not
/// there any more would end who touches it (memfd_create(2)).
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Numbers that every process sees which has the descriptor, or was forked by one that has. They
/// are 0 at first. What they say is up to everybody who can write them.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    words: NonNull<AtomicU64>,
    descriptor: OwnedFd,
}

// SAFETY: the mapping belongs to the process and not to a thread, and all there is in it are atomics.
unsafe impl Send for SharedMemory {}
// SAFETY: as above.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    pub(crate) fn create() -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Systems can demand that it is not executable, which older ones than Linux 6.3 know not.
        let descriptor = memfd_create("runner", flags | MemfdFlags::NOEXEC_SEAL)
            .or_else(|_| memfd_create("runner", flags))?;
        ftruncate(&descriptor, SIZE as u64)?;
        fcntl_add_seals(&descriptor, SEALS)?;
        Self::map(descriptor)
    }

    /// Takes memory that another process has created. An error when it is something else.
    pub(crate) fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        let invalid = |problem| io::Error::new(io::ErrorKind::InvalidData, problem);
        let seals = fcntl_get_seals(&descriptor).map_err(|_| invalid("it is no sealed memory"))?;
        if !seals.contains(SEALS) {
            return Err(invalid("its size can change"));
        }
        if fstat(&descriptor)?.st_size != SIZE as i64 {
            return Err(invalid("its size is another"));
        }
        Self::map(descriptor)
    }

    fn map(descriptor: OwnedFd) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses touches no other memory.
        let start = unsafe {
            mmap(ptr::null_mut(), SIZE, access, MapFlags::SHARED, descriptor.as_fd(), 0)
        }?;
        let words = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { words, descriptor })
    }

    /// The numbers.
    pub(crate) fn words(&self) -> &[AtomicU64; WORDS] {
        // SAFETY: the mapping begins at a page, holds `WORDS` numbers, lives as long as `self` and
        // cannot shrink. Any bytes are a valid number, and all access to them is atomic.
        unsafe { self.words.cast().as_ref() }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: it is this value's own mapping, and no reference into it outlives the value.
        let _ = unsafe { munmap(self.words.as_ptr().cast(), SIZE) };
    }
}

impl AsFd for SharedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn who_adopts_the_descriptor_sees_the_same_numbers() {
        let created = SharedMemory::create().unwrap();
        let adopted = SharedMemory::adopt(created.as_fd().try_clone_to_owned().unwrap()).unwrap();
        created.words()[WORDS - 1].store(7, Relaxed);
        assert_eq!(adopted.words()[WORDS - 1].load(Relaxed), 7);
        drop(created);
        assert_eq!(adopted.words()[WORDS - 1].fetch_add(1, Relaxed), 7);
    }

    #[test]
    fn its_size_is_fixed() {
        let memory = SharedMemory::create().unwrap();
        assert!(ftruncate(&memory, 0).is_err());
        assert!(ftruncate(&memory, 2 * SIZE as u64).is_err());
    }

    #[test]
    fn nothing_else_is_adopted() {
        let memfd = |size: usize, seals| {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let memory = memfd_create("test", flags).unwrap();
            ftruncate(&memory, size as u64).unwrap();
            fcntl_add_seals(&memory, seals).unwrap();
            memory
        };
        let file = tempfile::tempfile().unwrap();
        file.set_len(SIZE as u64).unwrap();
        for (what, descriptor) in [
            ("a file", OwnedFd::from(file)),
            ("unsealed", memfd(SIZE, SealFlags::empty())),
            ("can shrink", memfd(SIZE, SEALS.difference(SealFlags::SHRINK))),
            ("empty", memfd(0, SEALS)),
            ("too small", memfd(SIZE - 1, SEALS)),
            ("too large", memfd(SIZE + 1, SEALS)),
        ] {
            assert!(SharedMemory::adopt(descriptor).is_err(), "{what}");
        }
    }
}
