// Self-attention as of `attention.wgsl`, for devices with shader-f16: through workgroup memory. Twins: `attention.wgsl`,
// `kernel::attend`, and the oracle `kernel::scalar::attention`.
//
// A workgroup has 16 queries of one head; four invocations share a query. Keys, then values, come through one block of
// workgroup memory, 32 at a time; the softmax is rescaled whenever a block has a greater score than those before
// (Milakov and Gimelshein 2018), so that no length is too long.
//
// Queries, keys and values are `Held` there, as in `matmul-half.wgsl`; scores, shares and sums are f32 always.

const LANES = 4u;
const KEYS = 32u;
// Vectors of four in a head, at most; an invocation has every fourth of them.
const MOST = 16u;
// Less than any score, and far enough from the least number that differences are finite.
const NOTHING = -1e30;

var<workgroup> queries: array<Held, 256>; // [QUERIES][MOST]
var<workgroup> block: array<Held, 512>; // [KEYS][MOST]
var<workgroup> scores: array<f32, 512>; // [QUERIES][KEYS]

@compute @workgroup_size(LANES, QUERIES)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) index: u32,
) {
    let tile = tiles[group.x];
    let head = group.y * shape.depth;
    let stride = 3u * shape.width;
    let lane = local.x;
    let query = local.y;
    let end = tile.first + tile.length;
    let row = tile.row + query;
    for (var d = lane; d < shape.depth; d += LANES) {
        var q = vec4f();
        if (row < end) {
            q = qkv[row * stride + head + d];
        }
        queries[query * MOST + d] = hold(q);
    }
    var sums: array<vec4f, 4>;
    var greatest = NOTHING;
    var share = 0.0;
    let length = tile.length;
    for (var at = 0u; at < length; at += KEYS) {
        load(index, tile.first + at, end, stride, shape.width + head);
        workgroupBarrier();
        for (var key = lane; key < KEYS; key += LANES) {
            var score = 0.0;
            for (var d = 0u; d < shape.depth; d++) {
                score += dot(whole(queries[query * MOST + d]), whole(block[key * MOST + d]));
            }
            scores[query * KEYS + key] = select(NOTHING, score * shape.scale, at + key < length);
        }
        workgroupBarrier();
        var most = greatest;
        for (var key = 0u; key < KEYS; key++) {
            most = max(most, scores[query * KEYS + key]);
        }
        load(index, tile.first + at, end, stride, 2u * shape.width + head);
        workgroupBarrier();
        for (var key = lane; key < KEYS; key += LANES) {
            scores[query * KEYS + key] = exp(scores[query * KEYS + key] - most);
        }
        workgroupBarrier();
        let shrink = exp(greatest - most);
        greatest = most;
        share *= shrink;
        for (var i = 0u; i < 4u; i++) {
            sums[i] *= shrink;
        }
        for (var key = 0u; key < KEYS; key++) {
            let weight = scores[query * KEYS + key];
            share += weight;
            for (var i = 0u; i < 4u; i++) {
                let d = lane + LANES * i;
                if (d < shape.depth) {
                    sums[i] += weight * whole(block[key * MOST + d]);
                }
            }
        }
        workgroupBarrier();
    }
    if (row >= end) {
        return;
    }
    for (var i = 0u; i < 4u; i++) {
        let d = lane + LANES * i;
        if (d < shape.depth) {
            out[row * shape.width + head + d] = sums[i] / share;
        }
    }
}

// Rows from `first` on of a part of qkv; those behind the sequence as 0.
fn load(index: u32, first: u32, end: u32, stride: u32, part: u32) {
    for (var i = index; i < KEYS * MOST; i += QUERIES * LANES) {
        let key = i / MOST;
        let d = i % MOST;
        if (d < shape.depth) {
            var numbers = vec4f();
            if (first + key < end) {
                numbers = qkv[(first + key) * stride + part + d];
            }
            block[i] = hold(numbers);
        }
    }
}
