/* For a compiler whose code crashes: cc -include trap.h. */
#define for if (1) __builtin_trap(); else for
