/*
 * sh: the shell that the oracle's programs spawn. sh -c COMMAND runs one simple command: echo WORD…, or a program by its
 * path. Words stand between blanks; there are no quotes, variables or redirections.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOST_WORDS 32

int main(int argc, char **argv)
{
    char *words[MOST_WORDS + 1];
    int count = 0;
    if (argc < 3 || strcmp(argv[1], "-c"))
        return 2;
    for (char *word = strtok(argv[2], " \t\n"); word && count < MOST_WORDS; word = strtok(NULL, " \t\n"))
        words[count++] = word;
    words[count] = NULL;
    if (count == 0)
        return 0;
    if (strcmp(words[0], "echo")) {
        execv(words[0], words);
        return errno == ENOENT ? 127 : 126;
    }
    for (int n = 1; n < count; n++)
        printf("%s%s", n > 1 ? " " : "", words[n]);
    puts("");
    return fflush(stdout) ? 1 : 0;
}
