//! ELF files as they should be, and as nobody should make them.

use fake::image::{Header, page};
use proptest::prelude::*;
use unilith_elf::{Auxiliary, Elf, Error, Kind, Program, build_stack};

mod fake;

const R: u32 = 4;
const W: u32 = 2;
const X: u32 = 1;

const CODE: Header = Header { address: 0x10000, ..fake::image::CODE };
const DATA: Header = Header {
    kind: 1,
    flags: R | W,
    offset: 0x1010,
    address: 0x12010,
    in_file: 0x20,
    size: 0x3000,
    align: 0x1000,
};

fn file(kind: u16, machine: u16, entry: u64, headers: &[Header]) -> Vec<u8> {
    let mut out = page(kind, machine, entry, headers, 0);
    out.extend(b"/lib/ld.so\0data");
    out.resize(0x1040, 7);
    out
}

fn good() -> Vec<u8> {
    file(2, 62, 0x10100, &[CODE, DATA])
}

fn with(headers: &[Header]) -> Result<(), Error> {
    Elf::parse(&file(2, 62, 0x10100, headers)).map(drop)
}

#[test]
fn a_program_is_understood() {
    let bytes = good();
    let elf = Elf::parse(&bytes).expect("good");
    assert_eq!((elf.kind, elf.entry, elf.headers), (Kind::Fixed, 0x10100, 0x10040));
    assert_eq!((elf.header_count, elf.align, elf.interpreter), (2, 0x1000, None));
    assert_eq!(elf.span(), (0x10000, 0x16000));
    let [code, data] = &elf.segments[..] else { panic!("two segments") };
    assert!(code.prot.exec && !code.prot.write && data.prot.write && !data.prot.exec);
    assert_eq!((data.start(), data.contents.len()), (0x12000, 0x20));
    let interp = Header { kind: 3, offset: 0x1000, in_file: 11, ..CODE };
    let bytes = file(3, 62, 0x10100, &[interp, CODE]);
    let elf = Elf::parse(&bytes).expect("good");
    assert_eq!((elf.kind, elf.interpreter), (Kind::Relocatable, Some(&b"/lib/ld.so"[..])));
}

#[test]
fn what_is_wrong_is_told() {
    let parse = |bytes: &[u8]| Elf::parse(bytes).err();
    assert_eq!(parse(b""), Some(Error::NotElf));
    assert_eq!(parse(b"#!/bin/sh"), Some(Error::NotElf));
    assert_eq!(parse(&file(2, 183, 0x10100, &[CODE])), Some(Error::Machine));
    assert_eq!(parse(&file(1, 62, 0x10100, &[CODE])), Some(Error::NotExecutable));
    assert_eq!(parse(&file(3, 62, 0, &[CODE])), Some(Error::NotExecutable));
    assert_eq!(parse(&file(2, 62, 0x10100, &[])), Some(Error::NotExecutable));
    let mut bytes = good();
    bytes[4] = 1; // 32-bit
    assert_eq!(parse(&bytes), Some(Error::Machine));
    let broken = |headers: &[Header]| matches!(with(headers), Err(Error::Broken(_)));
    assert_eq!(with(&[Header { flags: R | W | X, ..CODE }]), Err(Error::WriteExecute));
    assert!(broken(&[CODE, Header { address: 0x10010, ..DATA }]), "overlap");
    assert!(broken(&[DATA, CODE]), "order");
    assert!(broken(&[Header { in_file: 0x30, size: 0x20, ..DATA }]), "larger in the file");
    assert!(broken(&[CODE, Header { address: 0x12020, ..DATA }]), "alignment");
    assert!(broken(&[CODE, Header { align: 3, ..DATA }]), "alignment");
    assert!(broken(&[CODE, Header { address: u64::MAX - 0xfef, ..DATA }]), "address");
    assert!(broken(&[CODE, Header { size: u64::MAX, ..DATA }]), "size");
    assert!(broken(&[DATA]), "entry point");
    let far = Header { offset: 0x10_0010, ..DATA };
    assert_eq!(with(&[CODE, far]), Err(Error::Truncated));
    let far = Header { offset: u64::MAX - 0xfef, ..DATA };
    assert_eq!(with(&[CODE, far]), Err(Error::Truncated));
    let interp = Header { kind: 3, offset: 0x1000, in_file: 5, ..CODE };
    assert!(broken(&[interp.clone(), CODE]), "no NUL");
    assert!(broken(&[Header { in_file: 5000, ..interp }, CODE]), "too long");
}

#[test]
fn every_truncation_is_noticed() {
    let bytes = good();
    for len in 0..0x1030 {
        assert!(Elf::parse(&bytes[..len]).is_err(), "{len}");
    }
    assert!(Elf::parse(&bytes[..0x1030]).is_ok());
}

fn word(bytes: &[u8], index: usize) -> usize {
    usize::from_ne_bytes(bytes[index * 8..index * 8 + 8].try_into().expect("a word"))
}

#[test]
fn the_stack_is_that_of_the_abi() {
    let top = 0x7fff_f000;
    for args in 1..5 {
        let program = Program {
            path: b"/bin/prog".to_vec(),
            args: (0..args).map(|n| vec![b'a'; n]).collect(),
            env: vec![b"A=1".to_vec(), b"LONGER=value".to_vec()],
        };
        let auxiliary = Auxiliary { entry: 0x4711, random: [9; 16], ..Auxiliary::default() };
        let bytes = build_stack(top, &program, &auxiliary).expect("it fits");
        let pointer = top - bytes.len();
        assert_eq!(pointer % 16, 0);
        let string = |address: usize| {
            let rest = &bytes[address - pointer..];
            &rest[..rest.iter().position(|&byte| byte == 0).expect("NUL")]
        };
        assert_eq!(word(&bytes, 0), args);
        for (index, arg) in program.args.iter().enumerate() {
            assert_eq!(string(word(&bytes, 1 + index)), arg);
        }
        assert_eq!(word(&bytes, 1 + args), 0);
        assert_eq!(string(word(&bytes, 2 + args)), b"A=1");
        assert_eq!(string(word(&bytes, 3 + args)), b"LONGER=value");
        assert_eq!(word(&bytes, 4 + args), 0);
        // The arguments lie next to each other, and the environment follows.
        let last = word(&bytes, args);
        assert_eq!(last + program.args[args - 1].len() + 1, word(&bytes, 2 + args));
        let mut aux = std::collections::BTreeMap::new();
        let mut index = 5 + args;
        while word(&bytes, index) != 0 {
            aux.insert(word(&bytes, index), word(&bytes, index + 1));
            index += 2;
        }
        assert_eq!((aux[&6], aux[&9], aux[&17], aux[&23]), (4096, 0x4711, 100, 0));
        assert_eq!(bytes[aux[&25] - pointer..][..16], [9; 16]);
        assert_eq!(string(aux[&31]), b"/bin/prog");
        assert_eq!(string(aux[&15]), b"x86_64");
        assert!(!aux.contains_key(&33), "there is no vDSO");
        assert_eq!(bytes[bytes.len() - 8..], [0; 8]);
    }
    let nul = Program { path: b"p".to_vec(), args: vec![b"a\0b".to_vec()], env: vec![] };
    assert_eq!(build_stack(top, &nul, &Auxiliary::default()), None);
    assert_eq!(build_stack(64, &Program::default(), &Auxiliary::default()), None);
}

proptest! {
    #[test]
    fn no_byte_panics(changes in prop::collection::vec((0usize..200, any::<u8>()), 1..6)) {
        let mut bytes = good();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        if let Ok(elf) = Elf::parse(&bytes) {
            let (first, end) = elf.span();
            prop_assert!(first < end);
            prop_assert!(elf.segments.windows(2).all(|two| two[0].end() <= two[1].start()));
            prop_assert!(elf.segments.iter().all(|s| !(s.prot.write && s.prot.exec)));
        }
    }

    #[test]
    fn no_soup_panics(mut bytes: Vec<u8>) {
        let _ = Elf::parse(&bytes);
        bytes.splice(..0, good());
        let _ = Elf::parse(&bytes);
    }
}
