/*
 * sieve [MIB]: how many primes there are below so many times 1,048,576, one byte each (the sieve of Eratosthenes). Strides
 * over more memory than a TLB reaches.
 */
#include "rt.h"

int main(int argc, char **argv)
{
    long limit = (argc > 1 ? parse_long(argv[1]) : 16) * MIB, primes = 0;
    char *is_composite = map_private(limit / PAGE);
    for (long number = 2; number < limit; number++) {
        if (is_composite[number])
            continue;
        primes++;
        for (long multiple = number * number; multiple < limit; multiple += number)
            is_composite[multiple] = 1;
    }
    printf("%ld primes below %ld\n", primes, limit);
    return 0;
}
