//! The device tree: what the machine tells its program of itself (Devicetree Specification, and the bindings of Linux's
//! Documentation/devicetree/bindings for each `compatible`).

use super::aclint::Aclint;
use super::plic::Plic;
use super::uart::Uart;
use super::{BootConfig, TEST_BASE, TEST_BYTES, TEST_PASS, TEST_RESET};
use tine_hart::Interrupt;
use tine_mmu::{Ram, TlbConfig, TlbGeometry};
use vm_fdt::{Error, FdtWriter};

/// Virtual time passes in nanoseconds.
const TIMEBASE_HZ: u32 = 1_000_000_000;
/// The 1.8432 MHz crystal of the first PCs, doubled: what QEMU's `virt` machine says too. The divisor has no effect.
const UART_CLOCK_HZ: u32 = 3_686_400;

const PLIC: u32 = 1;
const TEST: u32 = 2;
/// Phandles of the harts' own interrupt controllers follow.
const FIRST_HART: u32 = 3;

/// Writes the tree of a machine.
pub(super) fn tree(config: &BootConfig, has_htif: bool) -> Result<Vec<u8>, Error> {
    let mut fdt = FdtWriter::new()?;
    let root = fdt.begin_node("")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_string("compatible", "tine,boot")?;
    fdt.property_string("model", "tine,boot")?;

    let chosen = fdt.begin_node("chosen")?;
    fdt.property_string("stdout-path", &format!("/soc/serial@{:x}", Uart::BASE))?;
    fdt.end_node(chosen)?;

    let memory = fdt.begin_node(&format!("memory@{:x}", Ram::BASE.0))?;
    fdt.property_string("device_type", "memory")?;
    fdt.property_array_u64("reg", &[Ram::BASE.0, config.memory_bytes])?;
    fdt.end_node(memory)?;

    cpus(&mut fdt, config)?;
    if has_htif {
        let htif = fdt.begin_node("htif")?;
        fdt.property_string("compatible", "ucb,htif0")?;
        fdt.end_node(htif)?;
    }
    soc(&mut fdt, config.harts)?;
    power(&mut fdt, "poweroff", "syscon-poweroff", TEST_PASS)?;
    power(&mut fdt, "reboot", "syscon-reboot", TEST_RESET)?;
    fdt.end_node(root)?;
    fdt.finish()
}

fn cpus(fdt: &mut FdtWriter, config: &BootConfig) -> Result<(), Error> {
    // What is there beside what the ISA string chooses.
    const ALWAYS: [&str; 3] = ["zihpm", "sstc", "svnapot"];
    let isa = [&[config.isa.to_string()], &ALWAYS.map(str::to_owned)[..]].concat().join("_");
    let letters = config.isa.letters().filter(|letter| !matches!(letter, 'i' | 'm' | 'a' | 'f' | 'd' | 'b'));
    let names = config.isa.extensions().map(|extension| extension.name().to_owned());
    let extensions: Vec<_> =
        names.chain(letters.map(String::from)).chain(ALWAYS.map(str::to_owned)).collect();
    let cpus = fdt.begin_node("cpus")?;
    fdt.property_u32("#address-cells", 1)?;
    fdt.property_u32("#size-cells", 0)?;
    fdt.property_u32("timebase-frequency", TIMEBASE_HZ)?;
    for hart in 0..config.harts {
        let cpu = fdt.begin_node(&format!("cpu@{hart:x}"))?;
        fdt.property_string("device_type", "cpu")?;
        fdt.property_u32("reg", hart)?;
        fdt.property_string("status", "okay")?;
        fdt.property_string("compatible", "riscv")?;
        fdt.property_string("riscv,isa", &isa)?;
        fdt.property_string("riscv,isa-base", "rv64i")?;
        fdt.property_string_list("riscv,isa-extensions", extensions.clone())?;
        fdt.property_string("mmu-type", "riscv,sv57")?;
        let TlbConfig { l1i, l1d, .. } = config.tlb;
        fdt.property_null("tlb-split")?;
        tlb(fdt, "i", l1i)?;
        tlb(fdt, "d", l1d)?;
        let controller = fdt.begin_node("interrupt-controller")?;
        fdt.property_string("compatible", "riscv,cpu-intc")?;
        fdt.property_u32("#interrupt-cells", 1)?;
        fdt.property_null("interrupt-controller")?;
        fdt.property_phandle(FIRST_HART + hart)?;
        fdt.end_node(controller)?;
        fdt.end_node(cpu)?;
    }
    fdt.end_node(cpus)
}

fn tlb(fdt: &mut FdtWriter, which: &str, geometry: TlbGeometry) -> Result<(), Error> {
    fdt.property_u32(&format!("{which}-tlb-sets"), geometry.sets())?;
    fdt.property_u32(&format!("{which}-tlb-size"), geometry.entries())
}

fn soc(fdt: &mut FdtWriter, harts: u32) -> Result<(), Error> {
    let interrupts = |which: [Interrupt; 2]| -> Vec<u32> {
        let of_hart =
            |hart| which.into_iter().flat_map(move |interrupt| [FIRST_HART + hart, interrupt as u32]);
        (0..harts).flat_map(of_hart).collect()
    };
    let soc = fdt.begin_node("soc")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_string("compatible", "simple-bus")?;
    fdt.property_null("ranges")?;

    let test = fdt.begin_node(&format!("test@{TEST_BASE:x}"))?;
    let compatible = ["sifive,test1", "sifive,test0", "syscon"];
    fdt.property_string_list("compatible", compatible.map(str::to_owned).to_vec())?;
    fdt.property_array_u64("reg", &[TEST_BASE, TEST_BYTES])?;
    fdt.property_phandle(TEST)?;
    fdt.end_node(test)?;

    let clint = fdt.begin_node(&format!("clint@{:x}", Aclint::BASE))?;
    let compatible = ["sifive,clint0", "riscv,clint0"];
    fdt.property_string_list("compatible", compatible.map(str::to_owned).to_vec())?;
    fdt.property_array_u64("reg", &[Aclint::BASE, Aclint::BYTES])?;
    let lines = interrupts([Interrupt::MachineSoftware, Interrupt::MachineTimer]);
    fdt.property_array_u32("interrupts-extended", &lines)?;
    fdt.end_node(clint)?;

    let plic = fdt.begin_node(&format!("plic@{:x}", Plic::BASE))?;
    let compatible = ["sifive,plic-1.0.0", "riscv,plic0"];
    fdt.property_string_list("compatible", compatible.map(str::to_owned).to_vec())?;
    fdt.property_array_u64("reg", &[Plic::BASE, Plic::BYTES])?;
    let lines = interrupts([Interrupt::MachineExternal, Interrupt::External]);
    fdt.property_array_u32("interrupts-extended", &lines)?;
    fdt.property_u32("#address-cells", 0)?;
    fdt.property_u32("#interrupt-cells", 1)?;
    fdt.property_null("interrupt-controller")?;
    fdt.property_u32("riscv,ndev", 31)?;
    fdt.property_phandle(PLIC)?;
    fdt.end_node(plic)?;

    let serial = fdt.begin_node(&format!("serial@{:x}", Uart::BASE))?;
    fdt.property_string("compatible", "ns16550a")?;
    fdt.property_array_u64("reg", &[Uart::BASE, Uart::BYTES])?;
    fdt.property_u32("clock-frequency", UART_CLOCK_HZ)?;
    fdt.property_u32("interrupt-parent", PLIC)?;
    fdt.property_u32("interrupts", Uart::SOURCE)?;
    fdt.end_node(serial)?;
    fdt.end_node(soc)
}

/// A way to end the machine: a value for the test device.
fn power(fdt: &mut FdtWriter, name: &str, compatible: &str, value: u32) -> Result<(), Error> {
    let node = fdt.begin_node(name)?;
    fdt.property_string("compatible", compatible)?;
    fdt.property_u32("regmap", TEST)?;
    fdt.property_u32("offset", 0)?;
    fdt.property_u32("value", value)?;
    fdt.end_node(node)
}
