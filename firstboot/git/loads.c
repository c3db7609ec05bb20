/*
 * A library that nobody loads: it needs what libgit.c loads by name, so that the tools that look at programs
 * (dpkg-shlibdeps, when the agent's package is made) find out which package and version that is.
 */
extern int git_libgit2_init(void);
int agent_loads(void);

int agent_loads(void)
{
	return git_libgit2_init();
}
