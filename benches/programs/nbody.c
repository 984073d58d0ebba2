/*
 * nbody [STEPS]: the Sun and four planets, step by step (The Computer Language Benchmarks Game, "n-body", which gives the
 * constants and what the energy must come to). Doubles all the way.
 */
#include "rt.h"

#define BODIES 5
#define PI 3.141592653589793
#define SOLAR_MASS (4 * PI * PI)
#define DAYS 365.24

static struct body {
    double at[3], speed[3], mass;
} bodies[BODIES] = {
    { { 0, 0, 0 }, { 0, 0, 0 }, SOLAR_MASS },
    { { 4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01 },
      { 1.66007664274403694e-03 * DAYS, 7.69901118419740425e-03 * DAYS, -6.90460016972063023e-05 * DAYS },
      9.54791938424326609e-04 * SOLAR_MASS },
    { { 8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01 },
      { -2.76742510726411899e-03 * DAYS, 4.99852801234917238e-03 * DAYS, 2.30417297573763929e-05 * DAYS },
      2.85885980666130812e-04 * SOLAR_MASS },
    { { 1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01 },
      { 2.96460137564761618e-03 * DAYS, 2.37847173959480950e-03 * DAYS, -2.96589568540237556e-05 * DAYS },
      4.36624404335156298e-05 * SOLAR_MASS },
    { { 1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01 },
      { 2.68067772490389322e-03 * DAYS, 1.62824170038242295e-03 * DAYS, -9.51592254519715870e-05 * DAYS },
      5.15138902046611451e-05 * SOLAR_MASS },
};

static double distance_squared(const double away[3])
{
    return away[0] * away[0] + away[1] * away[1] + away[2] * away[2];
}

static void advance(double step)
{
    for (int i = 0; i < BODIES; i++) {
        for (int j = i + 1; j < BODIES; j++) {
            double away[3];
            for (int k = 0; k < 3; k++)
                away[k] = bodies[i].at[k] - bodies[j].at[k];
            double square = distance_squared(away);
            double pull = step / (square * __builtin_sqrt(square));
            for (int k = 0; k < 3; k++) {
                bodies[i].speed[k] -= away[k] * bodies[j].mass * pull;
                bodies[j].speed[k] += away[k] * bodies[i].mass * pull;
            }
        }
    }
    for (int i = 0; i < BODIES; i++)
        for (int k = 0; k < 3; k++)
            bodies[i].at[k] += step * bodies[i].speed[k];
}

static double energy(void)
{
    double sum = 0;
    for (int i = 0; i < BODIES; i++) {
        sum += bodies[i].mass * distance_squared(bodies[i].speed) / 2;
        for (int j = i + 1; j < BODIES; j++) {
            double away[3];
            for (int k = 0; k < 3; k++)
                away[k] = bodies[i].at[k] - bodies[j].at[k];
            sum -= bodies[i].mass * bodies[j].mass / __builtin_sqrt(distance_squared(away));
        }
    }
    return sum;
}

/* Nothing is lost: the bits of the energy, and so any difference in rounding, are seen. */
static void print_energy(void)
{
    union { double number; unsigned long bits; } energy_now = { energy() };
    printf("%d billionths, bits %lx\n", (int)(energy_now.number * 1e9), energy_now.bits);
}

int main(int argc, char **argv)
{
    long steps = argc > 1 ? parse_long(argv[1]) : 100000;
    for (int k = 0; k < 3; k++) {
        for (int i = 1; i < BODIES; i++)
            bodies[0].speed[k] -= bodies[i].speed[k] * bodies[i].mass / SOLAR_MASS;
    }
    print_energy();
    for (long i = 0; i < steps; i++)
        advance(0.01);
    print_energy();
    return 0;
}
