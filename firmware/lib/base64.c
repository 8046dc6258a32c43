#include "base64.h"

const uint8_t base64_characters[64] = {
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V',
    'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r',
    's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/',
};

#define VALID(character) [256 + (character)]
const uint8_t base64_received[512] = {
    VALID('A') = 1,  VALID('B') = 2,  VALID('C') = 3,  VALID('D') = 4,  VALID('E') = 5,  VALID('F') = 6,
    VALID('G') = 7,  VALID('H') = 8,  VALID('I') = 9,  VALID('J') = 10, VALID('K') = 11, VALID('L') = 12,
    VALID('M') = 13, VALID('N') = 14, VALID('O') = 15, VALID('P') = 16, VALID('Q') = 17, VALID('R') = 18,
    VALID('S') = 19, VALID('T') = 20, VALID('U') = 21, VALID('V') = 22, VALID('W') = 23, VALID('X') = 24,
    VALID('Y') = 25, VALID('Z') = 26, VALID('a') = 27, VALID('b') = 28, VALID('c') = 29, VALID('d') = 30,
    VALID('e') = 31, VALID('f') = 32, VALID('g') = 33, VALID('h') = 34, VALID('i') = 35, VALID('j') = 36,
    VALID('k') = 37, VALID('l') = 38, VALID('m') = 39, VALID('n') = 40, VALID('o') = 41, VALID('p') = 42,
    VALID('q') = 43, VALID('r') = 44, VALID('s') = 45, VALID('t') = 46, VALID('u') = 47, VALID('v') = 48,
    VALID('w') = 49, VALID('x') = 50, VALID('y') = 51, VALID('z') = 52, VALID('0') = 53, VALID('1') = 54,
    VALID('2') = 55, VALID('3') = 56, VALID('4') = 57, VALID('5') = 58, VALID('6') = 59, VALID('7') = 60,
    VALID('8') = 61, VALID('9') = 62, VALID('+') = 63, VALID('/') = 64,
};
