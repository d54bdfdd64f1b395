// A linear layer as of `matmul.wgsl`, for devices with shader-f16: through tiles in workgroup memory. They are of `Held`,
// numbers of 16 bits (`held-f16.wgsl`, which goes before this text): weights, of 8 bits, are exact there, and activations
// are rounded to 11. Twins: `matmul.wgsl`, `kernel::multiply`, and the oracle `kernel::scalar::linear`.
//
// A workgroup makes a tile of 32 rows and 64 outputs, 16 inputs at a time; each of its 16 x 8 invocations has 4 rows and
// 4 outputs of it. Inputs are a multiple of 16.

const DEPTH = 4u;

// [rows][inputs]
@group(0) @binding(1) var<storage, read> x: array<vec4f>;

var<workgroup> tile_x: array<Held, 128>; // [DEPTH][ROWS]
var<workgroup> tile_w: array<Held, 256>; // [DEPTH][COLUMNS]

@compute @workgroup_size(16, 8)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) index: u32,
) {
    let first_row = group.y * ROWS;
    let first_column = group.x * COLUMNS;
    var sums: array<vec4f, 4>;
    for (var at = 0u; at < shape.inputs; at += DEPTH) {
        let row = index / DEPTH;
        let k = index % DEPTH;
        var numbers = vec4f();
        if (first_row + row < shape.rows) {
            numbers = x[(first_row + row) * shape.inputs + at + k];
        }
        tile_x[k * ROWS + row] = hold(numbers);
        for (var part = 0u; part < COLUMNS; part += ROWS) {
            let column = part + row;
            var word = 0u;
            if (first_column + column < shape.outputs) {
                word = weights[(first_column + column) * shape.inputs + at + k];
            }
            tile_w[k * COLUMNS + column] = hold(unpack(word));
        }
        workgroupBarrier();
        for (var d = 0u; d < DEPTH; d++) {
            let w = d * COLUMNS + local.x;
            let w0 = whole(tile_w[w]);
            let w1 = whole(tile_w[w + 16u]);
            let w2 = whole(tile_w[w + 32u]);
            let w3 = whole(tile_w[w + 48u]);
            for (var r = 0u; r < 4u; r++) {
                let a = whole(tile_x[d * ROWS + local.y * 4u + r]);
                sums[r] += vec4f(dot(a, w0), dot(a, w1), dot(a, w2), dot(a, w3));
            }
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r++) {
        let row = first_row + local.y * 4u + r;
        for (var c = 0u; c < 4u; c++) {
            let column = first_column + local.x + 16u * c;
            if (row < shape.rows && column < shape.outputs) {
                finish(row * shape.outputs + column, sums[r][c] * affine[column].x + affine[column].y);
            }
        }
    }
}
