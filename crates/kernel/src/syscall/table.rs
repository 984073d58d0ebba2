//! Every system call that Tine has: number, name and argument types, once. Dispatch, strace and the counters read this.
//!
//! A call that is not here is answered with ENOSYS and named once.

use super::args::{Arg, Itimer, Itimerspec, Rlimit, Rusage, Timespec, Timeval, Tms};
use super::creds_types::*;
use super::event_types::*;
use super::file_types::*;
use super::futex::vector as futex_vector;
use super::ipc_types::*;
use super::mqueue::MqAttr;
use super::posix_timer::SigEvent;
use super::prctl_types::*;
use super::sched_types::*;
use super::show::*;
use super::socket_types::*;
use super::task_types::*;
use super::timex::Timex;
use super::types::*;
use super::{
    Arguments, SysResult, allocate, anonymous, attributes, compare, copy, creds, epoll, exec, fcntl, file,
    futex, hwprobe, inotify, limits, lock, memory, mlock, mount, mqueue, msg, open, path, pidfd, poll,
    posix_timer, prctl, priority, process, process_vm, rseq, sched, sched_policy, sem, shm, signal, socket,
    system, thread, time, timex, transfer, xattr,
};
use crate::ctx::Ctx;
use crate::{Fd, Pid};
use tine_mmu::VirtAddr;

/// A system call.
pub struct Syscall {
    /// Its number in the generic Linux table (include/uapi/asm-generic/unistd.h), which riscv64 uses.
    pub number: u64,
    /// Its Linux name.
    pub name: &'static str,
    /// What of it is missing; nothing for a call that is whole.
    pub missing: Option<&'static str>,
    /// Serves it.
    pub run: fn(&mut Ctx<'_>, Arguments) -> SysResult,
    /// How each argument is printed.
    pub show: &'static [ShowArg],
    /// How the result is printed.
    pub result: ShowResult,
}

impl std::fmt::Debug for Syscall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Declares the table: one row a call. `-> name` is how the result is printed, and `partly "…"` what is missing. Each
/// argument is converted from the type of the row into that of the function.
macro_rules! syscalls {
    ($($number:literal => $family:ident::$name:ident($($arg:ident: $type:ty),*) $(-> $result:ident)? $(partly $missing:literal)?;)*) => {
        /// The table, in ascending order of number.
        pub static SYSCALLS: &[Syscall] = &[
            $(Syscall {
                number: $number,
                name: stringify!($name),
                missing: syscalls!(@missing $($missing)?),
                run: |ctx, arguments| {
                    let [$($arg,)* ..] = arguments;
                    $family::$name(ctx, $(<$type as Arg>::from_register($arg).into()),*)
                },
                show: &[$(ShowArg {
                    when: <$type as Arg>::when,
                    note: <$type as Arg>::note,
                    show: <$type as Arg>::show,
                }),*],
                result: syscalls!(@result $($result)?),
            },)*
        ];
    };
    (@missing $missing:literal) => { Some($missing) };
    (@missing) => { None };
    (@result $result:ident) => { results::$result };
    (@result) => { results::decimal };
}

syscalls! {
    5 => xattr::setxattr(path: PathPtr, name: NamePtr, value: AttributeValue, len: u64, flags: XattrFlags);
    6 => xattr::lsetxattr(path: PathPtr, name: NamePtr, value: AttributeValue, len: u64, flags: XattrFlags);
    7 => xattr::fsetxattr(fd: Fd, name: NamePtr, value: AttributeValue, len: u64, flags: XattrFlags);
    8 => xattr::getxattr(path: PathPtr, name: NamePtr, value: OutAttributeValue, len: u64);
    9 => xattr::lgetxattr(path: PathPtr, name: NamePtr, value: OutAttributeValue, len: u64);
    10 => xattr::fgetxattr(fd: Fd, name: NamePtr, value: OutAttributeValue, len: u64);
    11 => xattr::listxattr(path: PathPtr, names: OutAttributeNames, len: u64);
    12 => xattr::llistxattr(path: PathPtr, names: OutAttributeNames, len: u64);
    13 => xattr::flistxattr(fd: Fd, names: OutAttributeNames, len: u64);
    14 => xattr::removexattr(path: PathPtr, name: NamePtr);
    15 => xattr::lremovexattr(path: PathPtr, name: NamePtr);
    16 => xattr::fremovexattr(fd: Fd, name: NamePtr);
    17 => path::getcwd(buffer: PathBuffer, len: u64);
    19 => anonymous::eventfd2(count: u32, flags: EventfdFlags);
    20 => epoll::epoll_create1(flags: EpollCreateFlags);
    21 => epoll::epoll_ctl(epoll: Fd, op: EpollCtl, fd: Fd, event: EpollEventPtr);
    22 => epoll::epoll_pwait(epoll: Fd, events: EpollEvents, max: i32, timeout_ms: i32, mask: In<SizedSigSet<5>>, size: u64);
    23 => file::dup(fd: Fd);
    24 => file::dup3(old: Fd, new: Fd, flags: NewFdFlags);
    25 => fcntl::fcntl(fd: Fd, command: FcntlCommand, argument: FcntlArg) -> fcntl;
    26 => inotify::inotify_init1(flags: InotifyFlags);
    27 => inotify::inotify_add_watch(fd: Fd, path: PathPtr, mask: InotifyMask);
    28 => inotify::inotify_rm_watch(fd: Fd, watch: i32);
    29 => file::ioctl(fd: Fd, request: IoctlRequest, argument: IoctlArg)
        partly "FIONREAD, FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX and those of terminals and sockets; all else is ENOTTY";
    30 => priority::ioprio_set(which: IoWhich, who: i32, priority: IoPriority);
    31 => priority::ioprio_get(which: IoWhich, who: i32) -> io_priority;
    32 => lock::flock(fd: Fd, operation: FlockOp);
    33 => path::mknodat(dir: DirFd, path: PathPtr, mode: NodeMode, device: DeviceArg);
    34 => path::mkdirat(dir: DirFd, path: PathPtr, mode: Mode);
    35 => path::unlinkat(dir: DirFd, path: PathPtr, flags: AtFlags);
    36 => path::symlinkat(target: PathPtr, dir: DirFd, path: PathPtr);
    37 => path::linkat(old_dir: DirFd, old: PathPtr, new_dir: DirFd, new: PathPtr, flags: AtFlags);
    39 => mount::umount2(target: PathPtr, flags: UmountFlags)
        partly "what is mounted at the start is EBUSY";
    40 => mount::mount(source: PathPtr, target: PathPtr, kind: PathPtr, flags: MountArg, data: PathPtr)
        partly "tmpfs, MS_REMOUNT and propagation, which changes nothing; without size= a tmpfs is as large as the machine; bind mounts, MS_MOVE and Linux's other own file systems are ENOSYS, those on devices ENODEV";
    43 => attributes::statfs(path: PathPtr, to: Out<StatFsStruct>);
    44 => attributes::fstatfs(fd: Fd, to: Out<StatFsStruct>);
    45 => path::truncate(path: PathPtr, len: Len);
    46 => file::ftruncate(fd: Fd, len: Len);
    47 => allocate::fallocate(fd: Fd, mode: FallocateMode, offset: i64, len: i64);
    48 => path::faccessat(dir: DirFd, path: PathPtr, mode: AccessArg);
    49 => path::chdir(path: PathPtr);
    50 => file::fchdir(fd: Fd);
    51 => path::chroot(path: PathPtr);
    52 => attributes::fchmod(fd: Fd, mode: Mode);
    53 => attributes::fchmodat(dir: DirFd, path: PathPtr, mode: Mode);
    54 => attributes::fchownat(dir: DirFd, path: PathPtr, uid: Id, gid: Id, flags: AtFlags);
    55 => attributes::fchown(fd: Fd, uid: Id, gid: Id);
    56 => open::openat(dir: DirFd, path: PathPtr, flags: OpenArg, mode: CreateMode);
    57 => file::close(fd: Fd);
    59 => file::pipe2(fds: Out<[i32; 2]>, flags: NewFdFlags);
    61 => file::getdents64(fd: Fd, buffer: Entries, len: u32);
    62 => file::lseek(fd: Fd, offset: i64, whence: Whence);
    63 => transfer::read(fd: Fd, buffer: OutBuffer, len: u64);
    64 => transfer::write(fd: Fd, buffer: InBuffer, len: u64);
    65 => transfer::readv(fd: Fd, vector: ReadVector, count: ShortLen);
    66 => transfer::writev(fd: Fd, vector: WriteVector, count: ShortLen);
    67 => transfer::pread64(fd: Fd, buffer: OutBuffer, len: u64, offset: i64);
    68 => transfer::pwrite64(fd: Fd, buffer: InBuffer, len: u64, offset: i64);
    69 => transfer::preadv(fd: Fd, vector: ReadVector, count: ShortLen, offset: i64);
    70 => transfer::pwritev(fd: Fd, vector: WriteVector, count: ShortLen, offset: i64);
    71 => copy::sendfile(to: Fd, from: Fd, offset: InOut<i64>, len: u64);
    72 => poll::pselect6(count: i32, reading: In<FdSet>, writing: In<FdSet>, exceptional: In<FdSet>, timeout: In<Timespec>, mask: In<MaskAndSize>) -> selected
        partly "a number that is no descriptor is EBADF even beyond the size that Linux's table would have";
    73 => poll::ppoll(fds: In<Array<PollFd, 1>>, count: u32, timeout: In<Timespec>, mask: In<SizedSigSet<4>>, size: u64) -> polled;
    74 => anonymous::signalfd4(fd: Fd, mask: In<SizedSigSet<2>>, size: u64, flags: SignalfdFlags);
    75 => copy::vmsplice(fd: Fd, vector: WriteVector, count: u64, flags: SpliceFlags);
    76 => copy::splice(from: Fd, from_offset: In<i64>, to: Fd, to_offset: In<i64>, len: u64, flags: SpliceFlags);
    77 => copy::tee(from: Fd, to: Fd, len: u64, flags: SpliceFlags);
    78 => path::readlinkat(dir: DirFd, path: PathPtr, buffer: OutBuffer, len: ShortLen);
    79 => path::newfstatat(dir: DirFd, path: PathPtr, buffer: Out<StatStruct>, flags: AtFlags);
    80 => file::fstat(fd: Fd, buffer: Out<StatStruct>);
    81 => allocate::sync();
    82 => file::fsync(fd: Fd);
    83 => file::fdatasync(fd: Fd);
    84 => allocate::sync_file_range(fd: Fd, offset: i64, len: i64, flags: SyncRangeFlags);
    85 => anonymous::timerfd_create(clock: ClockId, flags: TimerfdFlags);
    86 => anonymous::timerfd_settime(fd: Fd, flags: TimerfdSetFlags, new: In<Itimerspec>, old: Out<Itimerspec>);
    87 => anonymous::timerfd_gettime(fd: Fd, to: Out<Itimerspec>);
    88 => attributes::utimensat(dir: DirFd, path: PathPtr, times: In<[FileTime; 2]>, flags: AtFlags);
    90 => creds::capget(header: CapabilityHeader, to: Out<CapabilitySets>);
    91 => creds::capset(header: CapabilityHeader, from: In<CapabilitySets>);
    92 => system::personality(persona: Persona) -> personality
        partly "ADDR_NO_RANDOMIZE is obeyed, everything else only kept";
    93 => thread::exit(status: i32);
    94 => thread::exit_group(status: i32);
    95 => process::waitid(which: IdType, id: Pid, info: Out<SigInfo>, options: WaitOptions, usage: Out<Rusage>);
    96 => thread::set_tid_address(word: VirtAddr);
    97 => thread::unshare(flags: UnshareFlags)
        partly "namespaces are EINVAL";
    98 => futex::futex(word: VirtAddr, operation: FutexOp, value: FutexValue, timeout: FutexArg, second: FutexArg, value3: FutexArg)
        partly "locks do not pass priorities on";
    99 => thread::set_robust_list(head: VirtAddr, len: u64);
    100 => thread::get_robust_list(tid: Pid, head: Out<Address>, len: Out<u64>);
    101 => time::nanosleep(request: In<Timespec>, remaining: Remaining);
    102 => time::getitimer(which: TimerArg, to: Out<Itimer>);
    103 => time::setitimer(which: TimerArg, new: In<Itimer>, old: Out<Itimer>);
    107 => posix_timer::timer_create(clock: ClockId, event: In<SigEvent>, id: Out<[i32; 1]>);
    108 => posix_timer::timer_gettime(id: i32, to: Out<Itimerspec>);
    109 => posix_timer::timer_getoverrun(id: i32);
    110 => posix_timer::timer_settime(id: i32, flags: SleepFlags, new: In<Itimerspec>, old: Out<Itimerspec>);
    111 => posix_timer::timer_delete(id: i32);
    112 => time::clock_settime(clock: ClockId, from: In<Timespec>);
    113 => time::clock_gettime(clock: ClockId, to: Out<Timespec>);
    114 => time::clock_getres(clock: ClockId, to: Out<Timespec>);
    115 => time::clock_nanosleep(clock: ClockId, flags: SleepFlags, request: In<Timespec>, remaining: Remaining);
    118 => sched_policy::sched_setparam(tid: Pid, from: In<i32>);
    119 => sched_policy::sched_setscheduler(tid: Pid, policy: PolicyArg, from: In<i32>)
        partly "SCHED_DEADLINE and SCHED_EXT are EINVAL";
    120 => sched_policy::sched_getscheduler(tid: Pid) -> policy;
    121 => sched_policy::sched_getparam(tid: Pid, to: Out<i32>);
    122 => sched::sched_setaffinity(tid: Pid, len: u32, mask: In<HartSet>);
    123 => sched::sched_getaffinity(pid: Pid, len: u32, mask: Out<HartSet>);
    124 => sched::sched_yield();
    125 => sched_policy::sched_get_priority_max(policy: PolicyArg);
    126 => sched_policy::sched_get_priority_min(policy: PolicyArg);
    127 => sched_policy::sched_rr_get_interval(tid: Pid, to: Out<Timespec>);
    128 => time::restart_syscall();
    129 => signal::kill(pid: Pid, signal: SignalArg);
    130 => signal::tkill(tid: Pid, signal: SignalArg);
    131 => signal::tgkill(group: Pid, tid: Pid, signal: SignalArg);
    132 => signal::sigaltstack(new: In<StackT>, old: Out<StackT>);
    133 => signal::rt_sigsuspend(mask: In<SizedSigSet<1>>, size: u64);
    134 => signal::rt_sigaction(signal: SignalArg, new: In<SigAction>, old: Out<SigAction>, size: u64);
    135 => signal::rt_sigprocmask(how: MaskHow, new: In<SizedSigSet<3>>, old: Out<SizedSigSet<3>>, size: u64);
    136 => signal::rt_sigpending(to: Out<SizedSigSet<1>>, size: u64);
    137 => signal::rt_sigtimedwait(set: In<SizedSigSet<3>>, info: Out<SigInfo>, timeout: In<Timespec>, size: u64) -> signal;
    138 => signal::rt_sigqueueinfo(pid: Pid, signal: SignalArg, info: In<SigInfo>);
    139 => signal::rt_sigreturn();
    140 => priority::setpriority(which: PriorityWhich, who: i32, nice: i32);
    141 => priority::getpriority(which: PriorityWhich, who: i32);
    143 => creds::setregid(real: Id, effective: Id);
    144 => creds::setgid(gid: Id);
    145 => creds::setreuid(real: Id, effective: Id);
    146 => creds::setuid(uid: Id);
    147 => creds::setresuid(real: Id, effective: Id, saved: Id);
    148 => creds::getresuid(real: Out<u32>, effective: Out<u32>, saved: Out<u32>);
    149 => creds::setresgid(real: Id, effective: Id, saved: Id);
    150 => creds::getresgid(real: Out<u32>, effective: Out<u32>, saved: Out<u32>);
    151 => creds::setfsuid(uid: Id);
    152 => creds::setfsgid(gid: Id);
    153 => time::times(to: Out<Tms>);
    154 => process::setpgid(pid: Pid, group: Pid);
    155 => process::getpgid(pid: Pid);
    156 => process::getsid(pid: Pid);
    157 => process::setsid();
    158 => creds::getgroups(count: i32, to: Out<Groups>);
    159 => creds::setgroups(count: u32, from: In<Groups>);
    160 => system::uname(to: Out<UtsName>);
    161 => system::sethostname(name: InBuffer, len: i32);
    162 => system::setdomainname(name: InBuffer, len: i32);
    163 => limits::getrlimit(resource: Resource, to: Out<Rlimit>);
    164 => limits::setrlimit(resource: Resource, from: In<Rlimit>)
        partly "RLIMIT_RTTIME and those of what Tine has not are kept and not enforced";
    165 => process::getrusage(who: UsageOf, to: Out<Rusage>)
        partly "major faults and block I/O are 0";
    166 => path::umask(mask: Mode) -> octal;
    167 => prctl::prctl(option: PrctlOption, a: PrctlArg, b: PrctlArg, c: PrctlArg, d: PrctlArg) -> prctl
        partly "PR_SET_SECCOMP, PR_SET_MM, PR_SET_MDWE, PR_SET_MEMORY_MERGE, PR_SET_IO_FLUSHER, PR_SCHED_CORE, PR_SET_VMA, PR_SET_PTRACER and what other processors have are EINVAL";
    168 => sched::getcpu(hart: Out<u32>, node: Out<u32>, cache: VirtAddr);
    169 => time::gettimeofday(to: Out<Timeval>, zone: Out<TimeZone>);
    170 => time::settimeofday(from: In<Timeval>, zone: In<TimeZone>);
    171 => timex::adjtimex(timex: Out<Timex>) -> clock_state
        partly "the rate of the clock stays as it is: frequency, tick and offset are kept and change nothing";
    172 => process::getpid();
    173 => process::getppid();
    174 => creds::getuid();
    175 => creds::geteuid();
    176 => creds::getgid();
    177 => creds::getegid();
    178 => thread::gettid();
    179 => system::sysinfo(to: Out<SysInfo>)
        partly "loads, shared memory, buffers and swap are 0";
    180 => mqueue::mq_open(name: PathPtr, flags: OpenArg, mode: CreateMode, attributes: In<IfCreated<MqAttr>>);
    181 => mqueue::mq_unlink(name: PathPtr);
    182 => mqueue::mq_timedsend(fd: Fd, from: InBuffer, len: u64, priority: u32, until: In<Timespec>);
    183 => mqueue::mq_timedreceive(fd: Fd, to: OutBuffer, len: u64, priority: Out<u32>, until: In<Timespec>);
    184 => mqueue::mq_notify(fd: Fd, event: In<SigEvent>);
    185 => mqueue::mq_getsetattr(fd: Fd, new: In<MqAttr>, old: Out<MqAttr>);
    186 => msg::msgget(key: IpcKey, flags: IpcFlags);
    187 => msg::msgctl(id: i32, command: IpcCommand, at: VirtAddr);
    188 => msg::msgrcv(id: i32, at: OutMessage, len: u64, kind: i64, flags: MessageQueueFlags);
    189 => msg::msgsnd(id: i32, at: InMessage, len: u64, flags: MessageQueueFlags);
    190 => sem::semget(key: IpcKey, count: i32, flags: IpcFlags);
    191 => sem::semctl(id: i32, index: i32, command: IpcCommand, argument: Hex);
    192 => sem::semtimedop(id: i32, operations: VirtAddr, count: u32, timeout: In<Timespec>);
    193 => sem::semop(id: i32, operations: VirtAddr, count: u32);
    194 => shm::shmget(key: IpcKey, len: u64, flags: IpcFlags)
        partly "SHM_HUGETLB is ENOMEM";
    195 => shm::shmctl(id: i32, command: IpcCommand, at: VirtAddr);
    196 => shm::shmat(id: i32, at: VirtAddr, flags: IpcFlags) -> address;
    197 => shm::shmdt(at: VirtAddr);
    198 => socket::socket(domain: DomainArg, kind: KindArg, protocol: ProtocolArg)
        partly "AF_UNIX, TCP, UDP and NETLINK_ROUTE; raw sockets are EPERM, those of ICMP EACCES, other families EAFNOSUPPORT";
    199 => socket::socketpair(domain: DomainArg, kind: KindArg, protocol: i32, fds: Out<[i32; 2]>);
    200 => socket::bind(fd: Fd, address: AddressArg, len: i32);
    201 => socket::listen(fd: Fd, backlog: i32);
    202 => socket::accept(fd: Fd, address: OutAddress, len: LenInOut);
    203 => socket::connect(fd: Fd, address: AddressArg, len: i32)
        partly "what is not in the machine is ENETUNREACH";
    204 => socket::getsockname(fd: Fd, address: OutAddress, len: LenInOut);
    205 => socket::getpeername(fd: Fd, address: OutAddress, len: LenInOut);
    206 => socket::sendto(fd: Fd, buffer: InBuffer, len: u64, flags: MessageFlagsArg, to: AddressArg, to_len: i32)
        partly "MSG_MORE sends at once";
    207 => socket::recvfrom(fd: Fd, buffer: OutBuffer, len: u64, flags: MessageFlagsArg, source: OutAddress, source_len: LenInOut);
    208 => socket::setsockopt(fd: Fd, level: LevelArg, name: OptionArg, value: ValueIn, len: i32)
        partly "timestamps, filters, multicast groups, IPV6_ADDRFORM and SO_PEEK_OFF are ENOPROTOOPT; what steers timers and headers changes nothing";
    209 => socket::getsockopt(fd: Fd, level: LevelArg, name: OptionArg, value: ValueOut, len: LenInOut)
        partly "as setsockopt; TCP_INFO tells the state alone";
    210 => socket::shutdown(fd: Fd, how: ShutHow);
    211 => socket::sendmsg(fd: Fd, header: HeaderIn, flags: MessageFlagsArg)
        partly "MSG_MORE sends at once; control messages of TCP and UDP change nothing";
    212 => socket::recvmsg(fd: Fd, header: HeaderOut, flags: MessageFlagsArg);
    213 => allocate::readahead(fd: Fd, offset: i64, len: u64);
    214 => memory::brk(to: VirtAddr) -> address;
    215 => memory::munmap(at: VirtAddr, len: u64);
    216 => memory::mremap(at: VirtAddr, old_len: u64, new_len: u64, flags: RemapFlags, to: RemapTarget) -> address;
    220 => thread::clone(flags: CloneArg, stack: CloneRest, parent_tid: CloneRest, tls: CloneRest, child_tid: CloneRest)
        partly "namespaces are EINVAL";
    221 => exec::execve(path: PathPtr, argv: In<Strings>, envp: In<Variables>);
    222 => memory::mmap(at: VirtAddr, len: u64, prot: Prot, flags: MapArg, fd: Fd, offset: Hex) -> address
        partly "MAP_HUGETLB is ENOMEM";
    223 => file::fadvise64(fd: Fd, offset: i64, len: i64, advice: FileAdvice);
    226 => memory::mprotect(at: VirtAddr, len: u64, prot: Prot);
    227 => memory::msync(at: VirtAddr, len: u64, flags: MsyncFlags);
    228 => mlock::mlock(at: VirtAddr, len: u64);
    229 => mlock::munlock(at: VirtAddr, len: u64);
    230 => mlock::mlockall(flags: LockAllFlags);
    231 => mlock::munlockall();
    232 => memory::mincore(at: VirtAddr, len: u64, to: Out<Residency>);
    233 => memory::madvise(at: VirtAddr, len: u64, advice: Advice)
        partly "hints change what smaps says and nothing else: nothing merges pages (MADV_MERGEABLE)";
    234 => memory::remap_file_pages(at: VirtAddr, len: u64, prot: Prot, page: u64, flags: MapArg);
    240 => signal::rt_tgsigqueueinfo(group: Pid, tid: Pid, signal: SignalArg, info: In<SigInfo>);
    242 => socket::accept4(fd: Fd, address: OutAddress, len: LenInOut, flags: SocketFlags);
    243 => socket::recvmmsg(fd: Fd, headers: HeadersOut, count: u32, flags: MessageFlagsArg, timeout: In<Timespec>) -> received;
    258 => hwprobe::riscv_hwprobe(pairs: InOut<Array<ProbePair, 1>>, count: u64, set_bytes: u64, harts: VirtAddr, flags: u32);
    259 => memory::riscv_flush_icache(start: VirtAddr, end: VirtAddr, flags: FlushFlags);
    260 => process::wait4(pid: Pid, status: Out<IfChild<WaitStatusWord>>, options: WaitOptions, usage: Out<IfChild<Rusage>>);
    261 => limits::prlimit64(pid: Pid, resource: Resource, new: In<Rlimit>, old: Out<Rlimit>)
        partly "as setrlimit";
    266 => timex::clock_adjtime(clock: ClockId, timex: Out<Timex>) -> clock_state
        partly "as adjtimex";
    267 => allocate::syncfs(fd: Fd);
    269 => socket::sendmmsg(fd: Fd, headers: HeadersIn, count: u32, flags: MessageFlagsArg)
        partly "as sendmsg";
    270 => process_vm::process_vm_readv(pid: Pid, local: ReadVector, local_count: u64, remote: RemoteVector, remote_count: u64, flags: u64);
    271 => process_vm::process_vm_writev(pid: Pid, local: WriteVector, local_count: u64, remote: RemoteVector, remote_count: u64, flags: u64);
    272 => compare::kcmp(first: Pid, second: Pid, kind: KcmpType, first_fd: u64, second_fd: u64)
        partly "KCMP_EPOLL_TFD is EINVAL";
    274 => sched_policy::sched_setattr(tid: Pid, from: GivenSchedAttr, flags: u32)
        partly "as sched_setscheduler; clamps of utilisation are EOPNOTSUPP";
    275 => sched_policy::sched_getattr(tid: Pid, to: Out<SchedAttr>, size: u32, flags: u32);
    276 => path::renameat2(old_dir: DirFd, old: PathPtr, new_dir: DirFd, new: PathPtr, flags: RenameFlags);
    278 => system::getrandom(buffer: RandomBytes, len: u64, flags: RandomFlags);
    279 => allocate::memfd_create(name: NamePtr, flags: MemfdFlags)
        partly "MFD_HUGETLB is ENOSYS";
    281 => exec::execveat(dir: DirFd, path: PathPtr, argv: In<Strings>, envp: In<Variables>, flags: AtFlags);
    283 => thread::membarrier(command: Barrier, flags: BarrierFlags, hart: BarrierHart) -> barriers;
    284 => mlock::mlock2(at: VirtAddr, len: u64, flags: LockFlags);
    285 => copy::copy_file_range(from: Fd, from_offset: In<i64>, to: Fd, to_offset: In<i64>, len: u64, flags: u32);
    286 => transfer::preadv2(fd: Fd, vector: ReadVector, count: ShortLen, offset: i64, high: Unused, flags: RwFlags);
    287 => transfer::pwritev2(fd: Fd, vector: WriteVector, count: ShortLen, offset: i64, high: Unused, flags: RwFlags);
    291 => path::statx(dir: DirFd, path: PathPtr, flags: StatxFlags, mask: StatxMask, buffer: Out<StatxStruct>);
    293 => rseq::rseq(area: HexAddress, len_bytes: Hex32, flags: Hex32, signature: Hex32);
    424 => pidfd::pidfd_send_signal(fd: Fd, signal: SignalArg, info: In<SigInfo>, flags: PidfdSignalFlags);
    434 => pidfd::pidfd_open(pid: Pid, flags: PidfdFlags);
    435 => thread::clone3(request: Clone3Ptr, size: u64)
        partly "namespaces and CLONE_INTO_CGROUP are EINVAL";
    436 => file::close_range(first: u32, last: u32, flags: CloseRangeFlags);
    437 => open::openat2(dir: DirFd, path: PathPtr, how: OpenHow, size: u64);
    438 => pidfd::pidfd_getfd(fd: Fd, target: Fd, flags: Hex32);
    439 => path::faccessat2(dir: DirFd, path: PathPtr, mode: AccessArg, flags: AccessFlags);
    440 => process_vm::process_madvise(fd: Fd, vector: VirtAddr, count: i32, advice: Advice, flags: u32)
        partly "MADV_COLLAPSE is EINVAL; hints change nothing";
    441 => epoll::epoll_pwait2(epoll: Fd, events: EpollEvents, max: i32, timeout: In<Timespec>, mask: In<SizedSigSet<5>>, size: u64);
    449 => futex_vector::futex_waitv(waiters: In<Array<Waiter, 1>>, count: u32, flags: Hex32, timeout: In<Timespec>, clock: ClockId);
    452 => attributes::fchmodat2(dir: DirFd, path: PathPtr, mode: Mode, flags: AtFlags);
    454 => futex_vector::futex_wake(word: VirtAddr, mask: Hex, count: i32, flags: Futex2Flags);
    455 => futex_vector::futex_wait(word: VirtAddr, value: u64, mask: Hex, flags: Futex2Flags, timeout: In<Timespec>, clock: ClockId);
}

/// Returns the call with this number.
pub(super) fn find(number: u64) -> Option<&'static Syscall> {
    let place = *PLACES.get(usize::try_from(number).ok()?)?;
    SYSCALLS.get(usize::from(place))
}

/// Where in [`SYSCALLS`] the call with each number is; none is at [`u16::MAX`].
static PLACES: [u16; NUMBERS] = {
    let (mut places, mut place) = ([u16::MAX; NUMBERS], 0);
    while place < SYSCALLS.len() {
        places[SYSCALLS[place].number as usize] = place as u16;
        place += 1;
    }
    places
};

const NUMBERS: usize = match SYSCALLS.last() {
    Some(call) => call.number as usize + 1,
    None => 0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise() {
        assert!(SYSCALLS.is_sorted_by(|a, b| a.number < b.number));
        assert_eq!(find(59).map(|call| call.name), Some("pipe2"));
        assert!(find(u64::MAX).is_none());
    }
}
