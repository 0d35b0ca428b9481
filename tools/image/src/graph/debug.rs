//! Debugging information: the source line of every address, and the functions that were inlined.
//! Line tables and inline records are enough; types and variables are not looked at.

use addr2line::gimli::{self, EndianSlice, RunTimeEndian, Unit, UnitOffset};
use object::{CompressionFormat, Object, ObjectSection};
use std::borrow::Cow;
use std::collections::HashMap;

type Reader<'a> = EndianSlice<'a, RunTimeEndian>;
type Entry<'a> = gimli::DebuggingInformationEntry<Reader<'a>>;

/// A place in the source: file (an index of [`Debug::files`]), line, column.
pub type Place = (u32, u32, u32);

/// What the debugging information of a file says.
#[derive(Default)]
pub struct Debug {
    /// Paths of source files.
    pub files: Vec<String>,
    /// The line table: from an address on, this place; `None` where a sequence ends.
    rows: Vec<(u64, Option<Place>)>,
    /// Functions that were inlined, a parent before its children.
    pub inlined: Vec<Inlined>,
    /// Code of them: start, end, depth, index of [`Debug::inlined`]; by start, outer ones first.
    ranges: Vec<(u64, u64, u32, u32)>,
    /// Functions that have code of their own: start, end, the file of their compilation unit.
    pub units: Vec<(u64, u64, u32)>,
}

/// One copy of an inlined function.
pub struct Inlined {
    /// The copy that it stands in; `None`: a function with code of its own.
    pub parent: Option<u32>,
    /// Its first address.
    pub address: u64,
    /// The function: copies of the same one have the same number.
    pub origin: usize,
    /// Where the call was written.
    pub call: Option<Place>,
}

impl Debug {
    /// Reads it; a file without has nothing.
    ///
    /// # Errors
    /// It is damaged, or compressed.
    pub fn read(object: &object::File<'_>) -> Result<Self, String> {
        let endian =
            if object.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let load = |id: gimli::SectionId| -> Result<Cow<'_, [u8]>, String> {
            let Some(section) = object.section_by_name(id.name()) else {
                return Ok(Cow::Borrowed(&[]));
            };
            let compressed = section.compressed_file_range().map(|range| range.format);
            if compressed.is_ok_and(|format| format != CompressionFormat::None) {
                return Err(format!(
                    "{} is compressed, which is not read here: objcopy --decompress-debug-sections it",
                    id.name()
                ));
            }
            section.data().map(Cow::Borrowed).map_err(|e| format!("{}: {e}", id.name()))
        };
        let sections = gimli::DwarfSections::load(load)?;
        let dwarf = sections.borrow(|section| EndianSlice::new(section, endian));
        let mut reader = Collector { dwarf: &dwarf, debug: Self::default(), paths: HashMap::new() };
        reader.run().map_err(|e| format!("debugging information: {e}"))?;
        let mut debug = reader.debug;
        // Where a sequence ends and another begins, the beginning counts.
        debug.rows.sort_by_key(|(address, place)| (*address, place.is_some()));
        debug.ranges.sort_by_key(|(start, end, depth, _)| (*start, *depth, u64::MAX - *end));
        debug.units.sort_unstable();
        Ok(debug)
    }

    /// The place that the instruction at `address` comes from.
    pub fn place(&self, address: u64) -> Option<Place> {
        let behind = self.rows.partition_point(|(start, _)| *start <= address);
        self.rows.get(behind.checked_sub(1)?)?.1
    }

    /// The file of the compilation unit of the function at `address`.
    pub fn unit(&self, address: u64) -> Option<u32> {
        let behind = self.units.partition_point(|(start, ..)| *start <= address);
        let (_, end, file) = self.units.get(behind.checked_sub(1)?)?;
        (address < *end).then_some(*file)
    }

    /// Walks through addresses in rising order, and knows the innermost copy at each.
    pub fn scopes(&self) -> Scopes<'_> {
        Scopes { ranges: &self.ranges, next: 0, open: Vec::new() }
    }
}

/// See [`Debug::scopes`].
pub struct Scopes<'a> {
    ranges: &'a [(u64, u64, u32, u32)],
    next: usize,
    open: Vec<(u64, u32)>,
}

impl Scopes<'_> {
    /// The innermost copy at `address`, an index of [`Debug::inlined`].
    pub fn at(&mut self, address: u64) -> Option<u32> {
        while let Some((start, end, _, copy)) = self.ranges.get(self.next)
            && *start <= address
        {
            while self.open.last().is_some_and(|(end, _)| end <= start) {
                self.open.pop();
            }
            self.open.push((*end, *copy));
            self.next += 1;
        }
        while self.open.last().is_some_and(|(end, _)| *end <= address) {
            self.open.pop();
        }
        self.open.last().map(|(_, copy)| *copy)
    }
}

struct Collector<'d, 'a> {
    dwarf: &'d gimli::Dwarf<Reader<'a>>,
    debug: Debug,
    paths: HashMap<String, u32>,
}

impl<'a> Collector<'_, 'a> {
    fn run(&mut self) -> gimli::Result<()> {
        let mut headers = self.dwarf.units();
        while let Some(header) = headers.next()? {
            let unit = self.dwarf.unit(header)?;
            let files = self.lines(&unit)?;
            self.functions(&unit, &files)?;
        }
        Ok(())
    }

    fn path(&mut self, path: String) -> u32 {
        let next = self.debug.files.len() as u32;
        *self.paths.entry(path).or_insert_with_key(|path| {
            self.debug.files.push(path.clone());
            next
        })
    }

    /// The unit's line table; the numbers of its files.
    fn lines(&mut self, unit: &Unit<Reader<'a>>) -> gimli::Result<HashMap<u64, u32>> {
        let mut files = HashMap::new();
        let Some(program) = unit.line_program.clone() else { return Ok(files) };
        let mut rows = program.rows();
        while let Some((header, row)) = rows.next_row()? {
            // A function that was left out of the link keeps its lines, at address 0.
            if row.address() == 0 {
                continue;
            }
            let place = if row.end_sequence() {
                None
            } else {
                let file = self.file(unit, header, row.file_index(), &mut files)?;
                let line = row.line().map_or(0, |line| line.get()) as u32;
                let column = match row.column() {
                    gimli::ColumnType::LeftEdge => 0,
                    gimli::ColumnType::Column(column) => column.get() as u32,
                };
                Some((file, line, column))
            };
            self.debug.rows.push((row.address(), place));
        }
        // A call may be written in a file of which no line remains.
        let header = rows.header().clone();
        for index in 0..=header.file_names().len() as u64 {
            self.file(unit, &header, index, &mut files)?;
        }
        Ok(files)
    }

    fn file(
        &mut self,
        unit: &Unit<Reader<'a>>,
        header: &gimli::LineProgramHeader<Reader<'a>>,
        index: u64,
        files: &mut HashMap<u64, u32>,
    ) -> gimli::Result<u32> {
        if let Some(file) = files.get(&index) {
            return Ok(*file);
        }
        let mut path = String::new();
        if let Some(file) = header.file(index) {
            let text =
                |value| self.dwarf.attr_string(unit, value).map(|text| text.to_string_lossy());
            if let Some(directory) = unit.comp_dir {
                path.push_str(&directory.to_string_lossy());
            }
            // Directory 0 is the unit's own.
            if file.directory_index() != 0
                && let Some(directory) = file.directory(header)
            {
                join(&mut path, &text(directory)?);
            }
            join(&mut path, &text(file.path_name())?);
        }
        let file = self.path(path);
        files.insert(index, file);
        Ok(file)
    }

    /// The unit's functions, and what was inlined into them.
    fn functions(
        &mut self,
        unit: &Unit<Reader<'a>>,
        files: &HashMap<u64, u32>,
    ) -> gimli::Result<()> {
        let mut name = String::new();
        if let Some(directory) = unit.comp_dir {
            name.push_str(&directory.to_string_lossy());
        }
        if let Some(file) = &unit.name {
            join(&mut name, &file.to_string_lossy());
        }
        let name = self.path(name);
        // The copies around the entry, each with its depth in the tree.
        let mut around: Vec<(isize, u32)> = Vec::new();
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            let depth = entry.depth();
            while around.last().is_some_and(|(outer, _)| *outer >= depth) {
                around.pop();
            }
            match entry.tag() {
                gimli::DW_TAG_subprogram => {
                    let mut ranges = self.dwarf.die_ranges(unit, entry)?;
                    while let Some(range) = ranges.next()? {
                        if range.begin != 0 {
                            self.debug.units.push((range.begin, range.end, name));
                        }
                    }
                }
                gimli::DW_TAG_inlined_subroutine => {
                    if let Some(copy) = self.copy(unit, files, entry, &around)? {
                        around.push((depth, copy));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Notes one inlined copy that has code.
    fn copy(
        &mut self,
        unit: &Unit<Reader<'a>>,
        files: &HashMap<u64, u32>,
        entry: &Entry<'a>,
        around: &[(isize, u32)],
    ) -> gimli::Result<Option<u32>> {
        let number = |name| entry.attr_value(name).and_then(|v| v.udata_value());
        let origin = match entry.attr_value(gimli::DW_AT_abstract_origin) {
            Some(gimli::AttributeValue::UnitRef(offset)) => whole(unit, offset),
            Some(gimli::AttributeValue::DebugInfoRef(offset)) => offset.0,
            _ => return Ok(None),
        };
        let file = match entry.attr_value(gimli::DW_AT_call_file) {
            Some(gimli::AttributeValue::FileIndex(file)) => Some(file),
            other => other.and_then(|value| value.udata_value()),
        };
        let call = file.and_then(|file| {
            let line = number(gimli::DW_AT_call_line).unwrap_or(0) as u32;
            let column = number(gimli::DW_AT_call_column).unwrap_or(0) as u32;
            Some((*files.get(&file)?, line, column))
        });
        let copy = self.debug.inlined.len() as u32;
        let mut first = None;
        let mut ranges = self.dwarf.die_ranges(unit, entry)?;
        while let Some(range) = ranges.next()? {
            if range.begin != 0 && range.begin < range.end {
                first = Some(first.unwrap_or(range.begin).min(range.begin));
                self.debug.ranges.push((range.begin, range.end, around.len() as u32, copy));
            }
        }
        let Some(address) = first else { return Ok(None) };
        let parent = around.last().map(|(_, parent)| *parent);
        self.debug.inlined.push(Inlined { parent, address, origin, call });
        Ok(Some(copy))
    }
}

/// The offset of a unit's entry in the whole section.
fn whole(unit: &Unit<Reader<'_>>, offset: UnitOffset) -> usize {
    offset.to_debug_info_offset(&unit.header).map_or(usize::MAX, |offset| offset.0)
}

/// As `Path::join`, for the names that compilers write.
fn join(path: &mut String, part: &str) {
    if part.starts_with('/') {
        path.clear();
    } else if !path.is_empty() && !path.ends_with('/') {
        path.push('/');
    }
    path.push_str(part.strip_prefix("./").unwrap_or(part));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_join_as_paths_do() {
        let joined = |parts: &[&str]| {
            parts.iter().fold(String::new(), |mut path, part| {
                join(&mut path, part);
                path
            })
        };
        assert_eq!(joined(&["/a/b", "./c", "d.h"]), "/a/b/c/d.h");
        assert_eq!(joined(&["/a/b", "/c", "d.h"]), "/c/d.h");
    }

    #[test]
    fn the_innermost_copy_counts() {
        let debug = Debug {
            ranges: vec![(10, 50, 0, 0), (10, 20, 1, 1), (30, 40, 1, 2), (60, 70, 0, 3)],
            ..Debug::default()
        };
        let mut scopes = debug.scopes();
        let found = [5, 10, 20, 25, 30, 45, 50, 69, 70].map(|address| scopes.at(address));
        let want = [None, Some(1), Some(0), Some(0), Some(2), Some(0), None, Some(3), None];
        assert_eq!(found, want);
    }

    #[test]
    fn a_line_lasts_until_the_next_or_the_end_of_its_sequence() {
        let place = Some((0, 1, 2));
        let debug = Debug {
            rows: vec![(10, place), (20, None), (20, place), (30, None)],
            ..Debug::default()
        };
        let found = [9, 10, 25, 30].map(|address| debug.place(address));
        assert_eq!(found, [None, place, place, None]);
    }
}
