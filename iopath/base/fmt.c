/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* fmt - the printf subset that fmt.h promises. One pass over the format; each conversion is parsed
 * into a struct spec, then padded text goes to a sink that counts what no longer fits. */
#include "iopath/base/fmt.h"

#include "iopath/base/mem.h"

struct sink {
	char	*buf;
	size_t	size;
	size_t	len;	/* of the whole text, also where it did not fit */
};

struct spec {
	int	left, zero;
	size_t	width, precision;
	char	length;		/* 0, h, H (hh), l, q (ll, j), z (z, t) */
	char	conversion;
};

static void put(struct sink *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static void put_n(struct sink *out, char c, size_t n)
{
	while (n-- > 0)
		put(out, c);
}

/* A sign or 0x stays in front of padding zeros, and behind padding blanks. */
static void put_padded(struct sink *out, const struct spec *spec, const char *prefix,
		       const char *text, size_t len)
{
	size_t prefix_len = strlen(prefix);
	size_t pad = spec->width > len + prefix_len ? spec->width - len - prefix_len : 0;

	if (!spec->left && !spec->zero)
		put_n(out, ' ', pad);
	for (size_t i = 0; i < prefix_len; i++)
		put(out, prefix[i]);
	if (!spec->left && spec->zero)
		put_n(out, '0', pad);
	for (size_t i = 0; i < len; i++)
		put(out, text[i]);
	if (spec->left)
		put_n(out, ' ', pad);
}

static void put_number(struct sink *out, const struct spec *spec, const char *prefix, uint64_t n)
{
	const char *digits = spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned base = spec->conversion == 'd' || spec->conversion == 'u' ? 10 : 16;
	char text[24];
	size_t at = sizeof(text);

	do {
		text[--at] = digits[n % base];
		n /= base;
	} while (n > 0);
	put_padded(out, spec, prefix, text + at, sizeof(text) - at);
}

/* A width or precision: digits or '*'. A negative '*' width means left, as in C; a huge one is cut
 * so that a wrong argument cannot make a line of gigabytes. */
static const char *parse_count(const char *f, size_t *count, int *negative, va_list *ap)
{
	enum { COUNT_MAX = 4096 };

	if (*f == '*') {
		int n = va_arg(*ap, int);

		*negative = n < 0;
		*count = MIN((size_t)(n < 0 ? -(int64_t)n : n), (size_t)COUNT_MAX);
		return f + 1;
	}
	*count = 0;
	for (; *f >= '0' && *f <= '9'; f++)
		*count = MIN(*count * 10 + (size_t)(*f - '0'), (size_t)COUNT_MAX);
	return f;
}

static const char *parse_length(const char *f, char *length)
{
	if (f[0] == 'h' && f[1] == 'h') {
		*length = 'H';
		return f + 2;
	}
	if (f[0] == 'l' && f[1] == 'l') {
		*length = 'q';
		return f + 2;
	}
	if (*f == 'h' || *f == 'l') {
		*length = *f;
		return f + 1;
	}
	if (*f == 'j' || *f == 'z' || *f == 't') {
		*length = *f == 'j' ? 'q' : 'z';
		return f + 1;
	}
	return f;
}

/* f stands behind the '%'; returns where the conversion ends. */
static const char *parse_spec(const char *f, struct spec *spec, va_list *ap)
{
	int negative = 0;

	*spec = (struct spec){ .precision = SIZE_MAX };
	for (; *f == '0' || *f == '-'; f++) {
		spec->left |= *f == '-';
		spec->zero |= *f == '0';
	}
	f = parse_count(f, &spec->width, &negative, ap);
	spec->left |= negative;
	if (*f == '.') {
		negative = 0;
		f = parse_count(f + 1, &spec->precision, &negative, ap);
		if (negative)
			spec->precision = SIZE_MAX;
	}
	f = parse_length(f, &spec->length);
	spec->conversion = *f == 'i' ? 'd' : *f;
	return *f ? f + 1 : f;
}

static void put_signed(struct sink *out, const struct spec *spec, va_list *ap)
{
	int64_t n;

	switch (spec->length) {
	case 'l': n = va_arg(*ap, long); break;
	case 'q': n = va_arg(*ap, long long); break;
	case 'z': n = va_arg(*ap, ptrdiff_t); break;
	case 'h': n = (short)va_arg(*ap, int); break;
	case 'H': n = (signed char)va_arg(*ap, int); break;
	default: n = va_arg(*ap, int); break;
	}
	put_number(out, spec, n < 0 ? "-" : "", n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

static void put_unsigned(struct sink *out, const struct spec *spec, va_list *ap)
{
	uint64_t n;

	switch (spec->length) {
	case 'l': n = va_arg(*ap, unsigned long); break;
	case 'q': n = va_arg(*ap, unsigned long long); break;
	case 'z': n = va_arg(*ap, size_t); break;
	case 'h': n = (unsigned short)va_arg(*ap, unsigned); break;
	case 'H': n = (unsigned char)va_arg(*ap, unsigned); break;
	default: n = va_arg(*ap, unsigned); break;
	}
	put_number(out, spec, "", n);
}

static void put_text(struct sink *out, struct spec *spec, const char *text)
{
	size_t len = 0;

	if (text == NULL)
		text = "(null)";
	while (len < spec->precision && text[len])	/* text need not end when precision does */
		len++;
	spec->zero = 0;
	put_padded(out, spec, "", text, len);
}

static void put_conversion(struct sink *out, struct spec *spec, const char *start, const char *end,
			   va_list *ap)
{
	char c;

	switch (spec->conversion) {
	case 'd':
		put_signed(out, spec, ap);
		break;
	case 'u':
	case 'x':
	case 'X':
		put_unsigned(out, spec, ap);
		break;
	case 'c':
		c = (char)va_arg(*ap, int);
		spec->zero = 0;
		put_padded(out, spec, "", &c, 1);
		break;
	case 's':
		put_text(out, spec, va_arg(*ap, const char *));
		break;
	case 'p':
		put_number(out, spec, "0x", (uintptr_t)va_arg(*ap, void *));
		break;
	case '%':
		put(out, '%');
		break;
	default:
		while (start < end)
			put(out, *start++);
	}
}

size_t fmt_v(char *buf, size_t size, const char *format, va_list args)
{
	struct sink out = { .buf = buf, .size = size };
	va_list ap;	/* a copy: its address can be passed on, that of a parameter cannot */

	va_copy(ap, args);
	while (*format) {
		const char *start = format;
		struct spec spec;

		if (*format != '%') {
			put(&out, *format++);
			continue;
		}
		format = parse_spec(format + 1, &spec, &ap);
		put_conversion(&out, &spec, start, format, &ap);
	}
	va_end(ap);
	if (size > 0)
		buf[MIN(out.len, size - 1)] = '\0';
	return out.len;
}

size_t fmt(char *buf, size_t size, const char *format, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, format);
	len = fmt_v(buf, size, format, ap);
	va_end(ap);
	return len;
}
