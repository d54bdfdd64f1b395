// A linear layer on rows of integers, as `quantise.wgsl` makes them: out = (x W^T) * scale + bias, then what `product.wgsl`
// does, where the layer is declared. Sums are exact integers, four products to an instruction. Twins: `matmul.wgsl`,
// `kernel::multiply`, and the oracle `kernel::scalar::linear`.
//
// A workgroup makes a tile of 32 rows and 64 outputs, 32 inputs at a time; each of its 16 x 8 invocations has 4 rows and
// 4 outputs of it. With 1,536 inputs the greatest sum is 2.5e7; an i32 would hold that of 133,000.

requires packed_4x8_integer_dot_product;

// Words of four numbers.
const DEPTH = 8u;
const THREADS = 128u;

// High and low halves, [rows][inputs]
@group(0) @binding(1) var<storage, read> x: array<vec2u>;
// [rows]
@group(0) @binding(5) var<storage, read> steps: array<f32>;

var<workgroup> tile_x: array<vec2u, 256>; // [DEPTH][ROWS]
var<workgroup> tile_w: array<u32, 512>; // [DEPTH][COLUMNS]

@compute @workgroup_size(16, 8)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) index: u32,
) {
    let first_row = group.y * ROWS;
    let first_column = group.x * COLUMNS;
    var high: array<vec4i, 4>;
    var low: array<vec4i, 4>;
    for (var at = 0u; at < shape.inputs; at += DEPTH) {
        for (var i = index; i < ROWS * DEPTH; i += THREADS) {
            let row = i / DEPTH;
            let k = i % DEPTH;
            var words = vec2u();
            if (first_row + row < shape.rows && at + k < shape.inputs) {
                words = x[(first_row + row) * shape.inputs + at + k];
            }
            tile_x[k * ROWS + row] = words;
        }
        for (var i = index; i < COLUMNS * DEPTH; i += THREADS) {
            let column = i / DEPTH;
            let k = i % DEPTH;
            var word = 0u;
            if (first_column + column < shape.outputs && at + k < shape.inputs) {
                word = weights[(first_column + column) * shape.inputs + at + k];
            }
            tile_w[k * COLUMNS + column] = word;
        }
        workgroupBarrier();
        for (var d = 0u; d < DEPTH; d++) {
            let w = d * COLUMNS + local.x;
            let words = vec4u(tile_w[w], tile_w[w + 16u], tile_w[w + 32u], tile_w[w + 48u]);
            for (var r = 0u; r < 4u; r++) {
                let a = tile_x[d * ROWS + local.y * 4u + r];
                high[r] += products(a.x, words);
                low[r] += products(a.y, words);
            }
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r++) {
        let row = first_row + local.y * 4u + r;
        if (row >= shape.rows) {
            continue;
        }
        let sums = (vec4f(high[r]) * 256.0 + vec4f(low[r])) * steps[row];
        for (var c = 0u; c < 4u; c++) {
            let column = first_column + local.x + 16u * c;
            if (column < shape.outputs) {
                finish(row * shape.outputs + column, sums[c] * affine[column].x + affine[column].y);
            }
        }
    }
}

fn products(a: u32, w: vec4u) -> vec4i {
    return vec4i(dot4I8Packed(a, w.x), dot4I8Packed(a, w.y), dot4I8Packed(a, w.z), dot4I8Packed(a, w.w));
}
