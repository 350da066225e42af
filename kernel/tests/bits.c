/* What bits could come from besides the request: initial draws, the caller's floating-point mode, NaN. */
#include <fenv.h>

#include "check.h"
#include "training.h"

/* Flush-to-zero and rounding of this thread. */
#if defined(__x86_64__)
#include <xmmintrin.h>
typedef unsigned int mode;
static mode mode_now(void) { return _mm_getcsr() & ~0x3Fu; } /* without what has happened so far */
static void set_mode(mode to) { _mm_setcsr(to); }
static mode odd_mode(void) { return (mode_now() & ~0x6000u) | 0x8040u | 0x6000u; } /* subnormals are zero, toward zero */
#elif defined(__aarch64__)
typedef uint64_t mode;
static mode mode_now(void) {
    mode now;
    __asm__ volatile("mrs %0, fpcr" : "=r"(now));
    return now;
}
static void set_mode(mode to) { __asm__ volatile("msr fpcr, %0" : : "r"(to)); }
static mode odd_mode(void) { return mode_now() | (UINT64_C(1) << 24) | (UINT64_C(3) << 22); }
#else
typedef int mode;
static mode mode_now(void) { return fegetround(); }
static void set_mode(mode to) { fesetround(to); }
static mode odd_mode(void) { return FE_TOWARDZERO; }
#endif

static int is_odd(void) { /* whether sums round toward zero: that the mode was really set */
    volatile float one = 1.0f, little = 0x1.8p-24f;
    return one + little == one;
}

/* Philox4x32-10, again, from its paper (Salmon et al. 2011). */
static void philox(uint32_t words[4], uint32_t k0, uint32_t k1) {
    int round;
    for (round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const uint64_t a = (uint64_t)words[0] * 0xD2511F53u, b = (uint64_t)words[2] * 0xCD9E8D57u;
        const uint32_t w1 = words[1], w3 = words[3];
        words[0] = (uint32_t)(b >> 32) ^ w1 ^ k0, words[1] = (uint32_t)b;
        words[2] = (uint32_t)(a >> 32) ^ w3 ^ k1, words[3] = (uint32_t)a;
    }
}

static int philox_gives(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0, uint32_t k1, const uint32_t *wanted) {
    uint32_t words[4];
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
    philox(words, k0, k1);
    return memcmp(words, wanted, sizeof words) == 0;
}

static void known_answers(void) {
    static const uint32_t zero[] = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}, all[] = {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu},
                          pi[] = {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u};
    check(philox_gives(0, 0, 0, 0, 0, 0, zero) && philox_gives(~0u, ~0u, ~0u, ~0u, ~0u, ~0u, all) &&
              philox_gives(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, pi),
          "the test's own Philox4x32-10 gives the published words");
}

/* Weight w of array a under a seed, by the formula of src/headlab/model/initial.py. */
static float drawn(uint64_t seed, uint32_t array, int64_t w, double limit) {
    uint32_t words[4];
    words[0] = (uint32_t)(w / 4), words[1] = array, words[2] = words[3] = 0;
    philox(words, (uint32_t)seed, (uint32_t)(seed >> 32));
    return ((float)(words[w % 4] >> 8) * 0x1p-24f * 2 - 1) * (float)limit;
}

static void draws(const golden_setting *setting) {
    static const uint64_t seeds[] = {0, 1, UINT64_C(1) << 32, ~UINT64_C(0)};
    const how as = {NULL, 0, NULL, 0, NULL};
    int32_t ids[2 * golden_places], number;
    const hl_problem problem = problem_of(setting, &as, ids);
    const int64_t size = hl_size(&problem.shape);
    float *weights = room(4 * size, sizeof *weights);
    int64_t *place = room(size, sizeof *place), run, i, differ = 0, compared = 0;
    const char *error = hl_initial(&problem, NULL, 0.5, 4, seeds, weights);
    hl_places(&problem.shape, &problem.batch, place);
    for (number = 0; number < HL_WEIGHTS; ++number) {
        const hl_weight weight = hl_weight_of(&problem.shape, number);
        int64_t count = weight.n_axes > 0;
        double limit = 0.05;
        for (i = 0; i < weight.n_axes; ++i) count *= weight.axes[i];
        if (number > HL_W_POS && count) limit = sqrt(6.0 / (double)(weight.axes[weight.n_axes - 2] + weight.axes[weight.n_axes - 1]));
        for (run = 0; run < 4; ++run)
            for (i = 0; i < count; ++i, ++compared)
                differ += weights[run * size + place[weight.start + i]] != drawn(seeds[run], (uint32_t)number, i, 0.5 * limit);
    }
    check(!error && differ == 0 && compared == 4 * size, "%s: %ld initial weights are those of Philox in training order", setting->name, (long)compared);
    free(weights);
    free(place);
}

/* The order to train in: the tokens as they first appear, or as they are declared. */
static void order(void) {
    static const int32_t appear[] = {0, 2, 4, 1, 3, 5, 6};
    const how as = {NULL, 0, NULL, 0, NULL};
    int32_t ids[2 * golden_places], found[golden_d_vocab], i, declared = 1;
    hl_problem problem = problem_of(&golden_settings[0], &as, ids);
    hl_order(&problem.shape, &problem.batch, found);
    check(memcmp(found, appear, sizeof appear) == 0, "tokens are trained in the order in which they first appear");
    problem.batch.declared = 1;
    hl_order(&problem.shape, &problem.batch, found);
    for (i = 0; i < golden_d_vocab; ++i) declared &= found[i] == i;
    check(declared, "or in the declared order");
}

/* A caller whose thread rounds toward zero and flushes subnormals gets the same bits, and its mode back. */
static void modes(const golden_setting *setting, const char *instruction_set, int32_t threads) {
    static const int64_t cut[] = {100, 5000};
    const how as = {instruction_set, threads, cut, 2, NULL};
    const mode usual = mode_now(), odd = odd_mode();
    trained runs;
    mode after;
    int took, held;
    set_mode(odd);
    took = is_odd();
    runs = train(setting, 0, golden_few, as);
    after = mode_now();
    held = is_odd();
    set_mode(usual);
    check(took && !runs.error && strcmp(runs.sha256, setting->sha256_few) == 0, "%s, %s, %d threads: a caller in another floating-point mode gets the same bits",
          setting->name, instruction_set, (int)threads);
    check(held && after == odd, "%s, %s, %d threads: and its own mode back", setting->name, instruction_set, (int)threads);
    drop(&runs);
}

/* Losses and gradients of d_head 20 in double, with unequal weights of the targets. */
static const char *gradients(const char *instruction_set, int32_t threads, double *found, int64_t size) {
    static const uint64_t seeds[] = {0, 1, 2};
    double weights_of_targets[golden_places], *weights = room(3 * size, sizeof *weights);
    const how as = {instruction_set, threads, NULL, 0, NULL};
    int32_t ids[2 * golden_places], i;
    hl_problem problem = problem_of(&golden_settings[2], &as, ids);
    const char *error;
    for (i = 0; i < golden_places; ++i) weights_of_targets[i] = 1 + i;
    problem.type = HL_FLOAT64;
    problem.batch.weights = weights_of_targets;
    error = hl_initial(&problem, NULL, 1, 3, seeds, weights);
    if (!error) error = hl_gradient(&problem, HL_SOFTMAX, 3, weights, found, found + 3);
    free(weights);
    return error;
}

static void modes_in_double(const char *instruction_set, int32_t threads) {
    const int64_t size = hl_size(&golden_settings[2].shape), count = 3 + 3 * size;
    const mode usual = mode_now(), odd = odd_mode();
    double *wanted = room(count, sizeof *wanted), *found = room(count, sizeof *found);
    const char *error = gradients(instruction_set, threads, wanted, size), *again;
    mode after;
    set_mode(odd);
    again = gradients(instruction_set, threads, found, size);
    after = mode_now();
    set_mode(usual);
    check(!error && !again && after == odd && wanted[0] > 0 && memcmp(wanted, found, (size_t)count * sizeof *found) == 0,
          "%s, %d threads: nor does it change a gradient in double", instruction_set, (int)threads);
    free(wanted), free(found);
}

static int is_nan_bits(uint32_t word) { return (word & 0x7FFFFFFFu) > 0x7F800000u; }

/* How many numbers are NaN, and how many of these are not the one pattern. */
static void count_nan(const float *numbers, int64_t count, int64_t *nan, int64_t *others) {
    int64_t i;
    for (i = 0; i < count; ++i) {
        uint32_t word;
        memcpy(&word, numbers + i, 4);
        *nan += is_nan_bits(word);
        *others += is_nan_bits(word) && word != 0x7FC00000u;
    }
}

/* Rates of infinity make NaN of every weight without a gradient; x86 and ARM make other ones. */
static void one_nan(const char *instruction_set, int32_t optimizer) {
    static const char *names[] = {"sgd", "rmsprop", "adam"};
    golden_setting setting = golden_settings[1];
    const how as = {instruction_set, 1, NULL, 0, NULL};
    int64_t nan = 0, others = 0, run, diverged = 0;
    trained runs;
    setting.n_phases = 1;
    setting.phases[0].steps = 3;
    setting.phases[0].optimizer = optimizer;
    setting.learning_rate = HUGE_VAL;
    runs = train(&setting, 0, 3, as);
    count_nan(runs.weights, 3 * runs.size, &nan, &others);
    count_nan(runs.losses, 3 * 3, &nan, &others);
    count_nan(runs.rates, 3 * 3, &nan, &others);
    count_nan(runs.final_loss, 3, &nan, &others);
    for (run = 0; run < 3; ++run) diverged += runs.outcome[run] >= 0;
    check(!runs.error && diverged == 3 && nan > 0 && others == 0, "%s, %s: a run that diverges has %ld NaN, all of one pattern", instruction_set, names[optimizer],
          (long)nan);
    drop(&runs);
}

int main(void) {
    const char *instruction_set;
    int32_t number;
    int k;
    char hex[65];
    hl_sha256("abc", 3, hex);
    check(strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0, "SHA-256 of abc");
    hl_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
    check(strcmp(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1") == 0, "SHA-256 of two blocks");
    check(golden_numerics == HL_NUMERICS, "the golden hashes are those of numerics %d", (int)HL_NUMERICS);
    known_answers();
    for (k = 0; k < golden_count; ++k) draws(&golden_settings[k]);
    order();
    for (number = 0; (instruction_set = hl_instruction_set(number)); ++number) {
        modes(&golden_settings[2], instruction_set, 0); /* wide heads are turned on the way */
        modes(&golden_settings[golden_count - 1], instruction_set, 2);
        modes_in_double(instruction_set, 0);
        modes_in_double(instruction_set, 2);
        one_nan(instruction_set, HL_SGD);
        one_nan(instruction_set, HL_RMSPROP);
        one_nan(instruction_set, HL_ADAM);
    }
    return checked();
}
