/* SPDX-License-Identifier: Apache-2.0 */
#include "hostmon/text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/mem.h"

bool
text_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	if (fd == -1)
		return false;
	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return n >= 0;
}

char *
text_load(const char *path)
{
	char *text = mem_alloc(1, TEXT_MAX);

	if (text_read(path, text, TEXT_MAX))
		return text;
	free(text);
	return NULL;
}

char *
text_line(char **cursor)
{
	char *line = *cursor;
	char *end;

	if (*line == '\0')
		return NULL;
	end = strchr(line, '\n');
	if (end == NULL) {
		*cursor = line + strlen(line);
	} else {
		*end = '\0';
		*cursor = end + 1;
	}
	return line;
}

void
text_clean(char *name)
{
	for (; *name != '\0'; name++)
		if (*name <= ' ' || *name >= 0x7f)
			*name = '_';
}
