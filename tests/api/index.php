<?php
// SPDX-License-Identifier: ISC
// A PHP API: documents in files beside it. GET, PUT, DELETE /php/NAME.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$file = __DIR__ . '/' . md5(rawurldecode($path)) . '.json';
file_put_contents(__DIR__ . '/log', "$_SERVER[REQUEST_METHOD] $_SERVER[REQUEST_URI] $_SERVER[QUERY_STRING]\n", FILE_APPEND);
header('Content-Type: application/json');
header('ETag: "php"');
switch ($_SERVER['REQUEST_METHOD']) {
case 'PUT':
    file_put_contents($file, file_get_contents('php://input'));
    echo '{"stored":true}';
    break;
case 'DELETE':
    http_response_code(is_file($file) ? 204 : 404);
    @unlink($file);
    break;
default:
    http_response_code(is_file($file) ? 200 : 404);
    echo is_file($file) ? file_get_contents($file) : '{}';
}
