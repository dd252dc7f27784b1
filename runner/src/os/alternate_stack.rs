//! The stack on which a thread handles the overflow of its own.

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use std::cell::OnceCell;
use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};

/// Room for what the standard library tells of an overflow and for what
/// [`abort`](super::abort) then tells. The standard library itself provides for the former only.
const SIZE: usize = 64 * 1024;

/// What is never accessible, so that an overflow of this stack harms nobody: a page, of any size.
const GUARD: usize = 64 * 1024;

thread_local! {
    /// That of this thread, given back when it ends.
    static STACK: OnceCell<AlternateStack> = const { OnceCell::new() };
}

/// Gives the calling thread the stack. Without memory for it the thread keeps the one it has.
pub(crate) fn provide() {
    STACK.with(|stack| {
        if stack.get().is_none()
            && let Ok(new) = AlternateStack::install()
        {
            let _ = stack.set(new);
        }
    });
}

/// Memory that the kernel switches to in handlers that ask for it (sigaltstack(2)).
struct AlternateStack(NonNull<c_void>);

impl AlternateStack {
    fn install() -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address that the kernel chooses touches no other memory.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), GUARD + SIZE, access, flags) }?;
        let stack = Self(NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?);
        // SAFETY: the range is the lower part of the new mapping, which nobody uses yet.
        unsafe { mprotect(start, GUARD, MprotectFlags::empty()) }?;
        let description =
            libc::stack_t { ss_sp: start.wrapping_byte_add(GUARD), ss_flags: 0, ss_size: SIZE };
        // SAFETY: the memory stays mapped until it is not the stack any more: see `drop`.
        if unsafe { libc::sigaltstack(&raw const description, ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(stack)
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: the thread that ends is in no handler, so the stack is not in use. If another one
        // has taken its place, that is gone too, which its owner would have done next.
        unsafe {
            libc::sigaltstack(&raw const none, ptr::null_mut());
            let _ = munmap(self.0.as_ptr(), GUARD + SIZE);
        }
    }
}
