// What `attention.wgsl` and `attention-half.wgsl`, which it stands behind, have in common: how heads lie in rows, and how
// queries are shared out.

// Of a tile.
const QUERIES = 16u;

struct Shape {
    // Vectors of four in a head, 16 at most.
    depth: u32,
    // Vectors of four in a third of a row of qkv, and in a row of the result.
    width: u32,
    // 1 / sqrt(numbers of a head)
    scale: f32,
}

// Queries of one sequence that a workgroup has.
struct Tile {
    // Row of the first.
    row: u32,
    // Of the sequence: its first row, and its length.
    first: u32,
    length: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> tiles: array<Tile>;
// [rows][3 * width]
@group(0) @binding(2) var<storage, read> qkv: array<vec4f>;
// [rows][width]
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;
